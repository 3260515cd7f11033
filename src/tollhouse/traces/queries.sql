-- name: write_spans!
-- A span is known by (customer, trace, span): sending it twice changes nothing.
INSERT INTO telemetry_spans SELECT * FROM jsonb_to_recordset(:spans::jsonb) AS s (
    day date, customer_id text, trace_id text, span_id text, parent_span_id text, user_id text, team_id text,
    key_id text, vendor text, tool text, name text, kind smallint, start_ns bigint, end_ns bigint, status smallint,
    status_message text, model text, provider text, input_tokens bigint, output_tokens bigint, cached_tokens bigint,
    cache_write_tokens bigint, reasoning_tokens bigint, cost_nanos bigint, attributes jsonb,
    resource_attributes jsonb)
ON CONFLICT DO NOTHING;

-- name: recent_spans
-- A page of a customer's spans, newest first; the cursor is the last row's (start_ns, span_id).
SELECT * FROM telemetry_spans
WHERE customer_id = :customer_id
  AND (:before_ns::bigint IS NULL OR (start_ns, span_id) < (:before_ns::bigint, :before_span::text))
  AND (:trace_id::text IS NULL OR trace_id = :trace_id::text)
ORDER BY start_ns DESC, span_id DESC LIMIT :most;

-- Whose spans of others are -------------------------------------------------------------------------------------

-- name: people_named
-- Users by id or address, each with the team where there is only one; all that a batch asks for in one statement.
SELECT u.id, u.customer_id, lower(u.email) AS email, t.team_id FROM users u
    LEFT JOIN LATERAL (
        SELECT min(m.team_id) AS team_id FROM team_members m WHERE m.user_id = u.id HAVING count(*) = 1) t ON true
WHERE u.id = ANY (:names::text[]) OR lower(u.email) = ANY (:names::text[]);

-- name: customers_named
-- Whether such customers exist, and whether they let prompts and answers be kept.
SELECT id, coalesce(settings -> 'capture_content' = 'true'::jsonb, false) AS captures FROM customers
WHERE id = ANY (:names::text[]);

-- name: teams_named
SELECT id, customer_id FROM teams WHERE id = ANY (:names::text[]);
