-- What bench/lists.py lists. One customer (number 1) has half of everything, the others share the rest.

INSERT INTO customers (id, name, email, gateway_state, cf_gateway_id, cf_account_id)
SELECT CASE n WHEN 1 THEN %(large)s ELSE gen_random_uuid()::text END, 'Customer ' || n, 'c' || n || '@example.com',
    'ready', 'tollhouse-c' || n, 'bench'
FROM generate_series(1, %(customers)s) n;

CREATE TABLE bench_customers AS
SELECT row_number() OVER (ORDER BY id <> %(large)s, id) AS number, id FROM customers;

-- Half to the first, the rest in turn.
CREATE FUNCTION bench_customer(n bigint, customers bigint) RETURNS text STABLE LANGUAGE sql AS $$
    SELECT id FROM bench_customers WHERE number = CASE n %% 2 WHEN 0 THEN 1 ELSE 1 + (n / 2) %% customers END
$$;

INSERT INTO users (id, customer_id, email, name, role, password_hash)
SELECT gen_random_uuid()::text, bench_customer(n, %(customers)s), 'person' || n || '@example.com', 'Person ' || n,
    CASE WHEN n <= 4 THEN 'admin' ELSE 'member' END, 'none'
FROM generate_series(1, %(people)s) n;

INSERT INTO teams (id, customer_id, name)
SELECT gen_random_uuid()::text, c.id, 'Team ' || n FROM bench_customers c, generate_series(1, 10) n;

INSERT INTO team_members (team_id, user_id)
SELECT t.id, u.id FROM teams t JOIN users u USING (customer_id) WHERE abs(hashtext(t.id || u.id)) %% 10 < 2;

INSERT INTO ai_gateway_keys (id, customer_id, user_id, team_id, key_hash, display, name, budget_usd, budget_reset,
    allowed_models, tags, created_at)
SELECT gen_random_uuid()::text, k.customer_id,
    CASE WHEN n %% 3 > 0 THEN (SELECT array_agg(u.id) FROM users u WHERE u.customer_id = k.customer_id)
        [1 + n / 2 %% (SELECT count(*) FROM users u WHERE u.customer_id = k.customer_id)] END,
    CASE WHEN n %% 3 = 0 THEN (SELECT array_agg(t.id) FROM teams t WHERE t.customer_id = k.customer_id)[1 + n / 2 %% 10] END,
    encode(sha256(('key ' || n)::bytea), 'hex'), 'aig_0123...' || n, 'key ' || n, 25, 'monthly',
    '["gpt-4o-mini", "claude-sonnet-4-5"]', ARRAY['tag-' || n %% 20], now() - n * interval '1 minute'
FROM generate_series(1, %(keys)s) n, LATERAL (SELECT bench_customer(n, %(customers)s) AS customer_id) k;

SELECT count(ledger_set_budget(customer_id, 'key', id, 25000000000, 'monthly')) FROM ai_gateway_keys;

SELECT count(ledger_set_budget(customer_id, 'user', id, 100000000000, 'monthly')) FROM users;

SELECT count(ledger_set_budget(customer_id, 'team', id, 500000000000, 'monthly')) FROM teams;

SELECT count(ledger_set_budget(id, 'customer', id, 9000000000000, 'monthly')) FROM customers;

UPDATE ledger_accounts SET spent_nanos = abs(hashtext(budget_id::text))::bigint %% 30 * 1000000000;

CREATE TABLE bench_calls AS
SELECT gen_random_uuid() AS call_id, k.customer_id, k.id AS key_id, k.user_id, k.team_id,
    now() - n * interval '0.3 seconds' AS at, n
FROM generate_series(1, %(calls)s) n
    JOIN (SELECT *, row_number() OVER (ORDER BY id) AS place FROM ai_gateway_keys) k ON k.place = 1 + n %% %(keys)s;

INSERT INTO receipts (call_id, customer_id, key_id, user_id, team_id, provider, model, stream, outcome, usage_source,
    input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens, entry_kind, entry_day, hold_nanos,
    cost_nanos, trace_id, span_id, started_at, duration_ms)
SELECT call_id, customer_id, key_id, user_id, team_id, 'openai', 'gpt-4o-mini', false, 'completed', 'provider',
    200, 0, 0, 100, 0, 'exact', (at AT TIME ZONE 'UTC')::date, 500000, 90000, md5(n::text), left(md5(n::text), 16), at, 900
FROM bench_calls;

INSERT INTO telemetry_spans (day, customer_id, trace_id, span_id, user_id, team_id, key_id, vendor, name, kind, start_ns,
    end_ns, status, model, provider, input_tokens, output_tokens, cost_nanos, attributes, resource_attributes)
SELECT (at AT TIME ZONE 'UTC')::date, customer_id, md5(n::text), left(md5(n::text), 16), user_id, team_id, key_id,
    'tollhouse', 'chat gpt-4o-mini', 3, (extract(epoch FROM at) * 1000000000)::bigint,
    (extract(epoch FROM at) * 1000000000)::bigint + 900000000, 1, 'gpt-4o-mini', 'openai', 200, 100, 90000,
    '{"gen_ai.operation.name": "chat"}', '{"service.name": "tollhouse"}'
FROM bench_calls;

INSERT INTO ledger_entries (entry_day, entry_id, call_id, kind, reserved_nanos, cost_nanos, budgets, periods, customer_id,
    key_id, user_id, team_id, provider, model, worker_id, epoch, created_at)
SELECT (at AT TIME ZONE 'UTC')::date, call_id, call_id, CASE n %% 100 WHEN 0 THEN 'in_doubt' ELSE 'exact' END, 500000,
    90000, '{}', '{}', customer_id, key_id, user_id, team_id, 'openai', 'gpt-4o-mini', 'bench', 1, at
FROM bench_calls;

INSERT INTO audit_log (customer_id, actor, action, subject)
SELECT customer_id, 'bench', 'key.create', id FROM ai_gateway_keys;

DROP FUNCTION bench_customer;

DROP TABLE bench_calls, bench_customers;

VACUUM ANALYZE;
