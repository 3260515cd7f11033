-- name: ingest_spans$
-- What is new among the given spans is written, in one order everywhere, and what of it counts is added up for the
-- rollups. Nothing that senders claim is so large that a sum of it could not be held.
WITH fresh AS (
    INSERT INTO telemetry_spans (
        day, customer_id, trace_id, span_id, parent_span_id, user_id, team_id, key_id, vendor, tool, name, kind,
        start_ns, end_ns, status, status_message, model, provider, input_tokens, output_tokens, cached_tokens,
        cache_write_tokens, reasoning_tokens, cost_nanos, attributes, resource_attributes, source, counted)
    SELECT * FROM unnest(
        :day::date[], :customer_id::text[], :trace_id::text[], :span_id::text[], :parent_span_id::text[],
        :user_id::text[], :team_id::text[], :key_id::text[], :vendor::text[], :tool::text[], :name::text[],
        :kind::smallint[], :start_ns::bigint[], :end_ns::bigint[], :status::smallint[], :status_message::text[],
        :model::text[], :provider::text[], :input_tokens::bigint[], :output_tokens::bigint[],
        :cached_tokens::bigint[], :cache_write_tokens::bigint[], :reasoning_tokens::bigint[],
        :cost_nanos::bigint[], :attributes::jsonb[], :resource_attributes::jsonb[], :source::text[],
        :counted::boolean[]
        ) AS s (
        day, customer_id, trace_id, span_id, parent_span_id, user_id, team_id, key_id, vendor, tool, name, kind,
        start_ns, end_ns, status, status_message, model, provider, input_tokens, output_tokens, cached_tokens,
        cache_write_tokens, reasoning_tokens, cost_nanos, attributes, resource_attributes, source, counted)
    ORDER BY s.trace_id COLLATE "C", s.span_id COLLATE "C", s.customer_id COLLATE "C", s.day, s.source
    ON CONFLICT DO NOTHING
    RETURNING *
), told AS (
    INSERT INTO rollup_pending
    SELECT f.customer_id, f.source, f.vendor, f.tool, f.provider, f.model, f.user_id, f.team_id, f.key_id,
        CASE WHEN f.counted AND f.status = 2
             THEN coalesce(left(f.attributes ->> 'error.type', 100), '_OTHER') END AS error_type,
        (f.day + greatest(least(f.start_ns / 3600000000000 - (f.day - date '1970-01-01') * 24, 23), 0)::integer
            * interval '1 hour') AT TIME ZONE 'UTC' AS hour,
        count(*), count(*) FILTER (WHERE f.counted), count(*) FILTER (WHERE f.counted AND f.status = 2),
        coalesce(sum(least(f.input_tokens, 1000000000)) FILTER (WHERE f.counted), 0),
        coalesce(sum(least(f.output_tokens, 1000000000)) FILTER (WHERE f.counted), 0),
        coalesce(sum(least(f.cached_tokens, 1000000000)) FILTER (WHERE f.counted), 0),
        coalesce(sum(least(f.cache_write_tokens, 1000000000)) FILTER (WHERE f.counted), 0),
        coalesce(sum(least(f.reasoning_tokens, 1000000000)) FILTER (WHERE f.counted), 0),
        coalesce(sum(f.cost_nanos) FILTER (WHERE f.counted AND f.source = 'proxy'), 0),
        coalesce(sum(least(f.cost_nanos, 10000000000000)) FILTER (WHERE f.counted AND f.source <> 'proxy'), 0),
        coalesce(sum(('1e' || 12 * duration_bucket(f.start_ns, f.end_ns))::numeric)
            FILTER (WHERE f.counted AND f.end_ns > f.start_ns), 0),
        max(f.resource_attributes ->> 'service.version') FILTER (WHERE f.tool IS NOT NULL),
        min(f.start_ns), max(f.start_ns)
    FROM fresh f WHERE f.counted OR f.tool IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
)
SELECT count(*) FROM fresh;

-- name: recent_spans
-- A page of a customer's spans, newest first; the cursor is the last row's (start_ns, span_id).
SELECT * FROM telemetry_spans
WHERE customer_id = :customer_id
  AND (:before_ns::bigint IS NULL OR (start_ns, span_id) < (:before_ns::bigint, :before_span::text))
  AND (:trace_id::text IS NULL OR trace_id = :trace_id::text)
ORDER BY start_ns DESC, span_id DESC LIMIT :most;
