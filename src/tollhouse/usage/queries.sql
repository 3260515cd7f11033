-- name: write_receipts!
-- Receipts and their outbox rows, in the ledger's own transaction; repeating changes nothing, but for a call that
-- was charged in doubt: its receipt then tells what became known.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(:receipts::jsonb) AS r (
        call_id uuid, customer_id text, key_id text, user_id text, team_id text, provider text, model text,
        response_model text, stream boolean, outcome text, upstream_status integer, usage_source text,
        input_tokens bigint, cached_tokens bigint, cache_write_tokens bigint, output_tokens bigint,
        reasoning_tokens bigint, price_version text, entry_kind text, entry_day date, hold_nanos bigint,
        cost_nanos bigint, clamped_max_tokens bigint, cf_log_id text, trace_id text, span_id text,
        started_at timestamptz, first_byte_ms integer, duration_ms integer)
), event AS (
    INSERT INTO usage_events (entry_id, customer_id, cost_nanos, occurred_at)
    SELECT call_id, customer_id, cost_nanos, started_at FROM given ON CONFLICT DO NOTHING
)
INSERT INTO receipts AS r SELECT * FROM given
ON CONFLICT (call_id) DO UPDATE SET response_model = excluded.response_model, outcome = excluded.outcome,
    upstream_status = excluded.upstream_status, usage_source = excluded.usage_source,
    input_tokens = excluded.input_tokens, cached_tokens = excluded.cached_tokens,
    cache_write_tokens = excluded.cache_write_tokens, output_tokens = excluded.output_tokens,
    reasoning_tokens = excluded.reasoning_tokens, entry_kind = excluded.entry_kind, cost_nanos = excluded.cost_nanos,
    cf_log_id = excluded.cf_log_id, first_byte_ms = excluded.first_byte_ms, duration_ms = excluded.duration_ms
WHERE r.entry_kind = 'in_doubt';

-- name: receipt^
SELECT r.* FROM receipts r
WHERE r.call_id = :call_id::uuid AND r.customer_id = :customer_id;

-- name: recent_of_key
SELECT r.* FROM receipts r
WHERE r.key_id = :key_id AND r.customer_id = :customer_id ORDER BY r.started_at DESC LIMIT :most;

-- name: spent_by_key^
-- What a key's newest calls cost: one range of the index, bounded also for a key that is very busy.
SELECT coalesce(sum(c.cost_nanos), 0)::bigint AS cost_nanos, count(*) AS calls, min(c.started_at) AS first_at
FROM (SELECT r.cost_nanos, r.started_at FROM receipts r
      WHERE r.key_id = :key_id AND r.customer_id = :customer_id AND r.started_at >= :since
      ORDER BY r.started_at DESC LIMIT :most) c;

-- name: past_calls
-- A page of past calls, oldest first; the cursor is the last row's (started_at, call_id). A null owner: anybody.
SELECT r.call_id, r.started_at, r.provider, r.model, r.hold_nanos, r.cost_nanos
FROM receipts r
WHERE r.customer_id = :customer_id AND r.started_at >= :after_at AND r.started_at < :until
  AND (r.started_at, r.call_id) > (:after_at, :after_id::uuid)
  AND (:user_id::text IS NULL OR r.user_id = :user_id) AND (:team_id::text IS NULL OR r.team_id = :team_id)
ORDER BY r.started_at, r.call_id LIMIT :most;

-- name: past_calls_of_key
-- The same for one key, by its own index.
SELECT r.call_id, r.started_at, r.provider, r.model, r.hold_nanos, r.cost_nanos
FROM receipts r
WHERE r.key_id = :key_id AND r.customer_id = :customer_id AND r.started_at >= :after_at AND r.started_at < :until
  AND (r.started_at, r.call_id) > (:after_at, :after_id::uuid)
ORDER BY r.started_at, r.call_id LIMIT :most;

-- name: receipts_of_calls
SELECT r.* FROM receipts r WHERE r.customer_id = :customer_id AND r.call_id = ANY (:call_ids::uuid[]);

-- name: metered_calls
-- A page, oldest first; the cursor is the last row's (started_at, call_id).
SELECT r.call_id, r.started_at, r.provider, r.model, r.entry_kind, r.entry_day, r.input_tokens, r.output_tokens,
    r.usage_source, r.cost_nanos, r.cf_log_id
FROM receipts r
WHERE r.customer_id = :customer_id AND r.started_at >= :after_at AND r.started_at < :until
  AND (r.started_at, r.call_id) > (:after_at, :after_id::uuid)
ORDER BY r.started_at, r.call_id LIMIT :most;

-- name: write_adjustment_event!
INSERT INTO usage_events (entry_id, customer_id, cost_nanos, occurred_at)
VALUES (:entry_id::uuid, :customer_id, :cost_nanos, :occurred_at) ON CONFLICT DO NOTHING;
