-- What wrk sends, and how it tells what came of it: one line of JSON.
-- Arguments after `--`: the value of Authorization, the file with the body and, for calls at a pace, the pause between
-- two requests of a connection in ms.

function init(args)
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers["Authorization"] = args[1]
    local file = assert(io.open(args[2], "rb"))
    wrk.body = file:read("*a")
    file:close()
    local pause = tonumber(args[3])
    if pause then
        function delay() return pause end
    end
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
    io.write(string.format(
        '{"requests":%d,"seconds":%.6f,"p50_ms":%.4f,"p99_ms":%.4f,"failed":%d}\n',
        summary.requests, summary.duration / 1e6,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed
    ))
end
