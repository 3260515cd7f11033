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
