-- name: ingest_spans$
-- What is new among the given spans is written, in one order everywhere, and what of it counts is added up for the
-- rollups. A column that is the same in all spans comes as one value, `all_...`, and its array is empty. Nothing that
-- senders claim is so large that a sum of it could not be held.
WITH fresh AS (
    INSERT INTO telemetry_spans (
        day, customer_id, trace_id, span_id, parent_span_id, user_id, team_id, key_id, vendor, tool, name, kind,
        start_ns, end_ns, status, status_message, model, provider, input_tokens, output_tokens, cached_tokens,
        cache_write_tokens, reasoning_tokens, cost_nanos, attributes, resource_attributes, source, counted)
    SELECT
        coalesce(s.day, :all_day::date), coalesce(s.customer_id, :all_customer_id::text), s.trace_id, s.span_id,
        coalesce(s.parent_span_id, :all_parent_span_id::text), coalesce(s.user_id, :all_user_id::text),
        coalesce(s.team_id, :all_team_id::text), coalesce(s.key_id, :all_key_id::text),
        coalesce(s.vendor, :all_vendor::text), coalesce(s.tool, :all_tool::text), coalesce(s.name, :all_name::text),
        coalesce(s.kind, :all_kind::smallint), coalesce(s.start_ns, :all_start_ns::bigint),
        coalesce(s.end_ns, :all_end_ns::bigint), coalesce(s.status, :all_status::smallint),
        coalesce(s.status_message, :all_status_message::text), coalesce(s.model, :all_model::text),
        coalesce(s.provider, :all_provider::text), coalesce(s.input_tokens, :all_input_tokens::bigint),
        coalesce(s.output_tokens, :all_output_tokens::bigint), coalesce(s.cached_tokens, :all_cached_tokens::bigint),
        coalesce(s.cache_write_tokens, :all_cache_write_tokens::bigint),
        coalesce(s.reasoning_tokens, :all_reasoning_tokens::bigint), coalesce(s.cost_nanos, :all_cost_nanos::bigint),
        coalesce(s.attributes, :all_attributes::jsonb),
        coalesce(s.resource_attributes, :all_resource_attributes::jsonb), coalesce(s.source, :all_source::text),
        coalesce(s.counted, :all_counted::boolean)
    FROM unnest(
        :day::date[], :customer_id::text[], :trace_id::text[], :span_id::text[], :parent_span_id::text[],
        :user_id::text[], :team_id::text[], :key_id::text[], :vendor::text[], :tool::text[], :name::text[],
        :kind::smallint[], :start_ns::bigint[], :end_ns::bigint[], :status::smallint[], :status_message::text[],
        :model::text[], :provider::text[], :input_tokens::bigint[], :output_tokens::bigint[],
        :cached_tokens::bigint[], :cache_write_tokens::bigint[], :reasoning_tokens::bigint[], :cost_nanos::bigint[],
        :attributes::jsonb[], :resource_attributes::jsonb[], :source::text[], :counted::boolean[]
        ) AS s (
        day, customer_id, trace_id, span_id, parent_span_id, user_id, team_id, key_id, vendor, tool, name, kind,
        start_ns, end_ns, status, status_message, model, provider, input_tokens, output_tokens, cached_tokens,
        cache_write_tokens, reasoning_tokens, cost_nanos, attributes, resource_attributes, source, counted)
    ORDER BY s.trace_id COLLATE "C", s.span_id COLLATE "C", coalesce(s.customer_id, :all_customer_id) COLLATE "C",
        coalesce(s.day, :all_day), coalesce(s.source, :all_source)
    ON CONFLICT DO NOTHING
    RETURNING customer_id, source, vendor, tool, provider, model, user_id, team_id, key_id, counted, start_ns,
        CASE WHEN counted AND status = 2 THEN coalesce(left(attributes ->> 'error.type', 100), '_OTHER') END AS error_type,
        greatest(least(start_ns / 3600000000000, (day - date '1970-01-01') * 24 + 23), (day - date '1970-01-01') * 24)
            ::integer AS hour,
        -- least() passes over nulls: without coalesce, what nobody told would count as the most there can be.
        least(coalesce(input_tokens, 0), 1000000000) AS tokens_in,
        least(coalesce(output_tokens, 0), 1000000000) AS tokens_out,
        least(coalesce(cached_tokens, 0), 1000000000) AS cached,
        least(coalesce(cache_write_tokens, 0), 1000000000) AS cache_write,
        least(coalesce(reasoning_tokens, 0), 1000000000) AS reasoning,
        CASE source WHEN 'proxy' THEN cost_nanos END AS cost,
        CASE source WHEN 'proxy' THEN NULL ELSE least(coalesce(cost_nanos, 0), 10000000000000) END AS reported,
        CASE WHEN counted AND end_ns > start_ns THEN ('1e' || 12 * duration_bucket(start_ns, end_ns))::numeric END AS took,
        CASE WHEN tool IS NOT NULL THEN left(resource_attributes ->> 'service.version', 100) END AS version
), told AS (
    INSERT INTO rollup_pending
    SELECT rollup_group_key(
            f.customer_id, f.source, f.vendor, f.tool, f.provider, f.model, f.user_id, f.team_id, f.key_id),
        f.customer_id, f.source, f.vendor, f.tool, f.provider, f.model, f.user_id, f.team_id, f.key_id, f.error_type,
        f.hour, count(*) FILTER (WHERE f.counted), count(f.error_type),
        coalesce(sum(f.tokens_in) FILTER (WHERE f.counted), 0),
        coalesce(sum(f.tokens_out) FILTER (WHERE f.counted), 0),
        coalesce(sum(f.cached) FILTER (WHERE f.counted), 0),
        coalesce(sum(f.cache_write) FILTER (WHERE f.counted), 0),
        coalesce(sum(f.reasoning) FILTER (WHERE f.counted), 0),
        coalesce(sum(f.cost) FILTER (WHERE f.counted), 0), coalesce(sum(f.reported) FILTER (WHERE f.counted), 0),
        count(*), coalesce(sum(f.took), 0), max(f.version), min(f.start_ns), max(f.start_ns)
    FROM fresh f
    GROUP BY f.customer_id, f.source, f.vendor, f.tool, f.provider, f.model, f.user_id, f.team_id, f.key_id,
        f.error_type, f.hour
)
SELECT count(*) FROM fresh;

-- name: withdraw_doubtful
-- Takes calls out that were told in doubt, from the rollups too: told again, they come in as what they really were.
WITH gone AS (
    DELETE FROM telemetry_spans s
    USING unnest(:days::date[], :customers::text[], :traces::text[], :spans::text[]) AS t (day, customer, trace, span)
    WHERE s.day = t.day AND s.customer_id COLLATE "C" = t.customer AND s.trace_id COLLATE "C" = t.trace
        AND s.span_id COLLATE "C" = t.span AND s.source = 'proxy' AND s.attributes ->> 'tollhouse.entry.kind' = 'in_doubt'
    RETURNING s.*
), told AS (
    INSERT INTO rollup_pending
    SELECT rollup_group_key(
            g.customer_id, g.source, g.vendor, g.tool, g.provider, g.model, g.user_id, g.team_id, g.key_id),
        g.customer_id, g.source, g.vendor, g.tool, g.provider, g.model, g.user_id, g.team_id, g.key_id,
        CASE WHEN g.status = 2 THEN coalesce(left(g.attributes ->> 'error.type', 100), '_OTHER') END,
        greatest(least(g.start_ns / 3600000000000, (g.day - date '1970-01-01') * 24 + 23),
            (g.day - date '1970-01-01') * 24)::integer,
        -1, CASE WHEN g.status = 2 THEN -1 ELSE 0 END, -coalesce(g.input_tokens, 0), -coalesce(g.output_tokens, 0),
        -coalesce(g.cached_tokens, 0), -coalesce(g.cache_write_tokens, 0), -coalesce(g.reasoning_tokens, 0),
        -coalesce(g.cost_nanos, 0), 0, -1,
        CASE WHEN g.end_ns > g.start_ns THEN -('1e' || 12 * duration_bucket(g.start_ns, g.end_ns))::numeric ELSE 0 END,
        NULL, NULL, NULL
    FROM gone g WHERE g.counted
)
SELECT customer_id, trace_id, span_id FROM gone;

-- name: add_cost!
-- A correction of what a call cost, in the group and the hour of the call.
INSERT INTO rollup_pending
SELECT rollup_group_key(:customer_id, 'proxy', :vendor, NULL, :provider, :model, :user_id, :team_id, :key_id),
    :customer_id, 'proxy', :vendor, NULL, :provider, :model, :user_id, :team_id, :key_id, NULL, :hour,
    0, 0, 0, 0, 0, 0, 0, :cost_nanos::bigint, 0, 0, 0, NULL, NULL, NULL;

-- name: is_pending$
SELECT EXISTS (SELECT 1 FROM rollup_pending);

-- name: may_fold$
-- One process at a time: until the end of the transaction.
SELECT pg_try_advisory_xact_lock(hashtext('rollup_pending'));

-- name: has_new_groups$
SELECT EXISTS (SELECT 1 FROM rollup_pending p
    WHERE NOT EXISTS (SELECT 1 FROM rollup_groups g WHERE g.known_as = p.known_as));

-- name: merge_groups!
-- Who makes up ever new names gets one more group, not as many as there are names: of a customer that has too many, new
-- ones become one for each person, team and key. Not those that cost something: reports follow the ledger in every
-- dimension.
UPDATE rollup_pending p SET vendor = :others, provider = :others, model = :others,
    tool = CASE WHEN p.tool IS NOT NULL THEN :others END,
    known_as = rollup_group_key(p.customer_id, p.source, :others, CASE WHEN p.tool IS NOT NULL THEN :others END, :others,
        :others, p.user_id, p.team_id, p.key_id)
WHERE p.cost_nanos = 0 AND NOT EXISTS (SELECT 1 FROM rollup_groups g WHERE g.known_as = p.known_as)
    AND (SELECT count(*) FROM rollup_groups g WHERE g.customer_id = p.customer_id) >= :most;

-- name: make_groups!
INSERT INTO rollup_groups (known_as, customer_id, source, vendor, tool, provider, model, user_id, team_id, key_id)
SELECT DISTINCT ON (p.known_as) p.known_as, p.customer_id, p.source, p.vendor, p.tool, p.provider, p.model, p.user_id,
    p.team_id, p.key_id
FROM rollup_pending p WHERE NOT EXISTS (SELECT 1 FROM rollup_groups g WHERE g.known_as = p.known_as);

-- name: fold$
-- Moves pending rows into the rollups; returns how many. What came after its group could be made waits for next time.
WITH taken AS (
    DELETE FROM rollup_pending WHERE ctid = ANY (ARRAY(
        SELECT p.ctid FROM rollup_pending p JOIN rollup_groups g USING (known_as) LIMIT :most))
    RETURNING *
), part AS (
    SELECT g.id AS group_id, t.* FROM taken t JOIN rollup_groups g USING (known_as)
), hours AS (
    INSERT INTO rollup_hours AS r
    SELECT to_timestamp(p.hour * 3600::bigint), hashtext(p.customer_id), p.group_id, rollup_add(sum(p.calls), 0),
        rollup_add(sum(p.errors), 0), rollup_add(sum(p.input_tokens), 0), rollup_add(sum(p.output_tokens), 0),
        rollup_add(sum(p.cached_tokens), 0), rollup_add(sum(p.cache_write_tokens), 0),
        rollup_add(sum(p.reasoning_tokens), 0), rollup_add(sum(p.cost_nanos), 0),
        rollup_add(sum(p.reported_cost_nanos), 0), rollup_add(sum(p.spans), 0)
    FROM part p GROUP BY p.customer_id, p.hour, p.group_id
    ON CONFLICT (customer, at, group_id) DO UPDATE SET
        calls = r.calls + excluded.calls, errors = r.errors + excluded.errors,
        input_tokens = rollup_add(r.input_tokens, excluded.input_tokens),
        output_tokens = rollup_add(r.output_tokens, excluded.output_tokens),
        cached_tokens = rollup_add(r.cached_tokens, excluded.cached_tokens),
        cache_write_tokens = rollup_add(r.cache_write_tokens, excluded.cache_write_tokens),
        reasoning_tokens = rollup_add(r.reasoning_tokens, excluded.reasoning_tokens),
        cost_nanos = rollup_add(r.cost_nanos, excluded.cost_nanos),
        reported_cost_nanos = rollup_add(r.reported_cost_nanos, excluded.reported_cost_nanos),
        spans = r.spans + excluded.spans
), days AS (
    INSERT INTO rollup_days AS r
    SELECT to_timestamp(p.hour / 24 * 86400::bigint), hashtext(p.customer_id), p.group_id, rollup_add(sum(p.calls), 0),
        rollup_add(sum(p.errors), 0), rollup_add(sum(p.input_tokens), 0), rollup_add(sum(p.output_tokens), 0),
        rollup_add(sum(p.cached_tokens), 0), rollup_add(sum(p.cache_write_tokens), 0),
        rollup_add(sum(p.reasoning_tokens), 0), rollup_add(sum(p.cost_nanos), 0),
        rollup_add(sum(p.reported_cost_nanos), 0), rollup_add(sum(p.spans), 0)
    FROM part p GROUP BY p.customer_id, p.hour / 24, p.group_id
    ON CONFLICT (customer, at, group_id) DO UPDATE SET
        calls = r.calls + excluded.calls, errors = r.errors + excluded.errors,
        input_tokens = rollup_add(r.input_tokens, excluded.input_tokens),
        output_tokens = rollup_add(r.output_tokens, excluded.output_tokens),
        cached_tokens = rollup_add(r.cached_tokens, excluded.cached_tokens),
        cache_write_tokens = rollup_add(r.cache_write_tokens, excluded.cache_write_tokens),
        reasoning_tokens = rollup_add(r.reasoning_tokens, excluded.reasoning_tokens),
        cost_nanos = rollup_add(r.cost_nanos, excluded.cost_nanos),
        reported_cost_nanos = rollup_add(r.reported_cost_nanos, excluded.reported_cost_nanos),
        spans = r.spans + excluded.spans
), hour_durations AS (
    INSERT INTO rollup_hour_durations AS r
    SELECT to_timestamp(p.hour * 3600::bigint), hashtext(p.customer_id), p.group_id, sum(p.durations)
    FROM part p WHERE p.durations <> 0 GROUP BY p.customer_id, p.hour, p.group_id
    ON CONFLICT (customer, at, group_id) DO UPDATE SET durations = r.durations + excluded.durations
), day_durations AS (
    INSERT INTO rollup_day_durations AS r
    SELECT to_timestamp(p.hour / 24 * 86400::bigint), hashtext(p.customer_id), p.group_id, sum(p.durations)
    FROM part p WHERE p.durations <> 0 GROUP BY p.customer_id, p.hour / 24, p.group_id
    ON CONFLICT (customer, at, group_id) DO UPDATE SET durations = r.durations + excluded.durations
), failures AS (
    INSERT INTO rollup_errors AS r
    SELECT to_timestamp(p.hour * 3600::bigint), hashtext(p.customer_id), p.group_id, sum(p.errors), p.error_type
    FROM part p WHERE p.error_type IS NOT NULL GROUP BY p.customer_id, p.hour, p.group_id, p.error_type
    ON CONFLICT (customer, at, group_id, error_type) DO UPDATE SET errors = r.errors + excluded.errors
), tools AS (
    INSERT INTO tool_profiles AS t
    SELECT p.customer_id, p.vendor, p.tool,
        (array_agg(p.version ORDER BY p.last_ns DESC) FILTER (WHERE p.version IS NOT NULL))[1],
        to_timestamp(min(p.first_ns) / 1e9::float8), to_timestamp(max(p.last_ns) / 1e9::float8), sum(p.spans),
        sum(p.calls), rollup_add(sum(p.input_tokens), 0), rollup_add(sum(p.output_tokens), 0),
        coalesce((array_agg(DISTINCT p.user_id) FILTER (WHERE p.user_id IS NOT NULL))[1 : :most_users], '{}')
    FROM part p WHERE p.tool IS NOT NULL AND p.last_ns IS NOT NULL GROUP BY p.customer_id, p.vendor, p.tool
    ON CONFLICT (customer_id, vendor, tool) DO UPDATE SET
        version = CASE WHEN excluded.last_seen_at >= t.last_seen_at THEN coalesce(excluded.version, t.version)
                       ELSE coalesce(t.version, excluded.version) END,
        first_seen_at = least(t.first_seen_at, excluded.first_seen_at),
        last_seen_at = greatest(t.last_seen_at, excluded.last_seen_at),
        spans = t.spans + excluded.spans, calls = t.calls + excluded.calls,
        input_tokens = rollup_add(t.input_tokens, excluded.input_tokens),
        output_tokens = rollup_add(t.output_tokens, excluded.output_tokens),
        users = CASE WHEN excluded.users <@ t.users OR cardinality(t.users) >= :most_users THEN t.users
                     ELSE ARRAY(SELECT DISTINCT u FROM unnest(t.users || excluded.users) u LIMIT :most_users) END
)
SELECT count(*) FROM taken;

-- name: may_trim$
SELECT pg_try_advisory_xact_lock(hashtext('trim telemetry_spans'));

-- name: retentions
SELECT c.id, least(coalesce((c.settings ->> 'trace_retention_days')::integer, :usual_days), :most_days) AS days
FROM customers c;

-- name: drop_days$
SELECT drop_day_partitions('telemetry_spans', :before);

-- name: trim_spans!
-- The oldest of a customer's spans, some at a time.
DELETE FROM telemetry_spans s WHERE s.customer_id = :customer_id AND s.start_ns < :before_ns AND s.start_ns <= (
    SELECT max(o.start_ns) FROM (
        SELECT x.start_ns FROM telemetry_spans x WHERE x.customer_id = :customer_id AND x.start_ns < :before_ns
        ORDER BY x.start_ns LIMIT :most) o);

-- name: trim_hours!
DELETE FROM rollup_hours WHERE customer = hashtext(:customer_id) AND at < :before;

-- name: trim_durations!
DELETE FROM rollup_hour_durations WHERE customer = hashtext(:customer_id) AND at < :before;

-- name: trim_errors!
DELETE FROM rollup_errors WHERE customer = hashtext(:customer_id) AND at < :before;

-- name: recent_spans
-- A page of a customer's spans, newest first; the cursor is the last row's (start_ns, span_id).
SELECT * FROM telemetry_spans
WHERE customer_id = :customer_id AND start_ns <= coalesce(:before_ns::bigint, 9223372036854775807)
  AND (:before_ns::bigint IS NULL OR (start_ns, span_id) < (:before_ns::bigint, :before_span::text))
ORDER BY start_ns DESC, span_id DESC LIMIT :most;

-- name: recent_of_trace
-- The same of one trace, by its own index, which compares byte by byte.
SELECT * FROM telemetry_spans
WHERE customer_id COLLATE "C" = :customer_id AND trace_id COLLATE "C" = :trace_id
  AND (:before_ns::bigint IS NULL OR (start_ns, span_id) < (:before_ns::bigint, :before_span::text))
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
