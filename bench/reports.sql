-- What bench/reports.py asks about: people with keys in two customers, then spans, a day at a time.

-- name: people
INSERT INTO customers (id, name, email, gateway_state) VALUES
    (%(large)s, 'Large', 'large@example.com', 'ready'), (%(small)s, 'Small', 'small@example.com', 'ready');

INSERT INTO users (id, customer_id, email, name, role, password_hash)
SELECT gen_random_uuid()::text, %(large)s, 'person' || n || '@example.com', 'Person ' || n,
    CASE n WHEN 1 THEN 'admin' ELSE 'member' END, 'none'
FROM generate_series(1, 60) n;

INSERT INTO teams (id, customer_id, name)
SELECT gen_random_uuid()::text, %(large)s, 'Team ' || n FROM generate_series(1, 6) n;

INSERT INTO team_members (team_id, user_id)
SELECT t.id, u.id FROM teams t JOIN users u USING (customer_id) WHERE abs(hashtext(t.id || u.id)) %% 6 = 0;

INSERT INTO ai_gateway_keys (id, customer_id, user_id, team_id, key_hash, display, name)
SELECT gen_random_uuid()::text, %(large)s,
    CASE WHEN n > 12 THEN (SELECT id FROM users WHERE email = 'person' || n - 12 || '@example.com') END,
    CASE WHEN n <= 12 THEN (SELECT id FROM teams WHERE name = 'Team ' || 1 + n %% 6) END,
    encode(sha256(('key ' || n)::bytea), 'hex'), 'aig_0123...' || n, 'key ' || n
FROM generate_series(1, 72) n;

CREATE TABLE bench_keys AS
SELECT (row_number() OVER (ORDER BY key_hash) - 1)::integer AS n, id, user_id, team_id FROM ai_gateway_keys;
ALTER TABLE bench_keys ADD PRIMARY KEY (n);

-- name: day
-- Four in ten are calls of our own, each a trace; the others are traces of six spans that an agent sent: its own, four
-- calls and a tool's. A key uses three models through two tools; two calls in a hundred fail.
INSERT INTO telemetry_spans (day, customer_id, trace_id, span_id, parent_span_id, user_id, team_id, key_id, vendor, tool,
    name, kind, start_ns, end_ns, status, model, provider, input_tokens, output_tokens, cached_tokens,
    cache_write_tokens, reasoning_tokens, cost_nanos, attributes, resource_attributes, source, counted)
SELECT %(day)s::date, %(customer)s, md5(%(day)s || trace), left(md5(%(day)s || s.n), 16),
    CASE WHEN own OR part = 0 THEN NULL ELSE left(md5(%(day)s || s.n - part), 16) END, b.user_id, b.team_id, b.id,
    CASE WHEN own THEN 'tollhouse' ELSE (ARRAY['anthropic', 'openai', 'cursor'])[1 + (s.k %% 3)::integer] END,
    CASE WHEN own THEN NULL ELSE (ARRAY['claude-code', 'codex', 'cursor', 'aider'])[1 + ((s.k + trace %% 2) %% 4)::integer] END,
    CASE WHEN own OR part BETWEEN 1 AND 4 THEN 'chat model-' || model ELSE (ARRAY['invoke_agent', 'execute_tool'])[1 + part / 5] END,
    3, start_ns, start_ns + (1e6 * exp(6.5 + 1.1 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())))::bigint,
    CASE WHEN s.n %% 50 = 7 THEN 2 ELSE 1 END, 'model-' || model, (ARRAY['openai', 'anthropic', 'mistral'])[1 + model %% 3],
    200 + s.n %% 4000, s.n %% 900, s.n %% 150, 0, 0, 90000 + s.n %% 700000,
    jsonb_build_object('gen_ai.operation.name', 'chat', 'gen_ai.provider.name', 'openai',
        'gen_ai.request.model', 'model-' || model, 'gen_ai.response.model', 'model-' || model || '-2026-01-01',
        'gen_ai.response.id', 'chatcmpl-' || md5(s.n::text), 'gen_ai.usage.input_tokens', 200 + s.n %% 4000,
        'gen_ai.usage.output_tokens', s.n %% 900, 'gen_ai.request.temperature', 0.7, 'http.response.status_code', 200,
        'gen_ai.conversation.id', md5('c' || trace / 10))
        || CASE WHEN s.n %% 50 = 7 THEN jsonb_build_object('error.type', (ARRAY['timeout', 'rate_limited', '_OTHER'])[1 + s.n %% 3])
                ELSE '{}' END,
    '{"service.name": "agent", "service.version": "1.2.3"}', CASE WHEN own THEN 'proxy' ELSE 'otlp' END,
    own OR part BETWEEN 1 AND 4
FROM (
    SELECT n, n %% 10 < 4 AS own, CASE WHEN n %% 10 < 4 THEN n ELSE n / 10 * 10 + 4 END AS trace, n %% 10 - 4 AS part,
        ((3 * ((CASE WHEN n %% 10 < 4 THEN n ELSE n / 10 END)::bigint * 7919 %% 72) + n %% 3) %% 12)::integer AS model,
        (CASE WHEN n %% 10 < 4 THEN n ELSE n / 10 END)::bigint * 7919 %% 72 AS k,
        (extract(epoch FROM %(day)s::date) * 1000000000)::bigint + n::bigint * (86400000000000 / %(spans)s) AS start_ns
    FROM generate_series(0, %(spans)s - 1) n
) s JOIN bench_keys b ON b.n = s.k ORDER BY s.n;

-- name: sums
-- As ingest adds them up: an hour in one row of each group here, where ingest makes a row of each batch.
INSERT INTO rollup_pending
SELECT rollup_group_key(
        f.customer_id, f.source, f.vendor, f.tool, f.provider, f.model, f.user_id, f.team_id, f.key_id),
    f.customer_id, f.source, f.vendor, f.tool, f.provider, f.model, f.user_id, f.team_id, f.key_id,
    CASE WHEN f.counted AND f.status = 2 THEN f.attributes ->> 'error.type' END, (f.start_ns / 3600000000000)::integer,
    count(*) FILTER (WHERE f.counted), count(*) FILTER (WHERE f.counted AND f.status = 2),
    coalesce(sum(f.input_tokens) FILTER (WHERE f.counted), 0), coalesce(sum(f.output_tokens) FILTER (WHERE f.counted), 0),
    coalesce(sum(f.cached_tokens) FILTER (WHERE f.counted), 0), 0, 0,
    coalesce(sum(f.cost_nanos) FILTER (WHERE f.counted AND f.source = 'proxy'), 0),
    coalesce(sum(f.cost_nanos) FILTER (WHERE f.counted AND f.source <> 'proxy'), 0), count(*),
    coalesce(sum(('1e' || 12 * duration_bucket(f.start_ns, f.end_ns))::numeric) FILTER (WHERE f.counted), 0),
    '1.2.3', min(f.start_ns), max(f.start_ns)
FROM telemetry_spans f
WHERE f.day = %(day)s::date AND f.customer_id = %(customer)s
GROUP BY f.customer_id, f.source, f.vendor, f.tool, f.provider, f.model, f.user_id, f.team_id, f.key_id, 11, 12;
