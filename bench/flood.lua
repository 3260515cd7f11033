-- A flood of invented keys: each request brings another one. Refusals are what is asked for.
-- Arguments after `--`: the pause between two requests of a connection in ms, and the file with the body.

local digits = "0123456789abcdef"

function init(args)
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    pause = tonumber(args[1])
    local file = assert(io.open(args[2], "rb"))
    wrk.body = file:read("*a")
    file:close()
    math.randomseed(os.time())
end

function delay()
    return pause
end

function request()
    local key = {}
    for place = 1, 32 do
        local at = math.random(1, 16)
        key[place] = digits:sub(at, at)
    end
    wrk.headers["Authorization"] = "Bearer aig_" .. table.concat(key)
    return wrk.format()
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"seconds":%.6f,"p50_ms":%.4f,"p99_ms":%.4f,"failed":%d}\n',
        summary.requests, summary.duration / 1e6,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, summary.requests - errors.status
    ))
end
