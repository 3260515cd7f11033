-- name: give_room!
-- For the rest of the transaction: histograms of many hours are summed in memory.
SELECT set_config('work_mem', '32MB', true);

-- name: totals^
SELECT
    sum(r.calls) AS calls, sum(r.errors) AS errors, sum(r.input_tokens) AS input_tokens, sum(r.cached_tokens) AS cached_tokens,
    sum(r.cache_write_tokens) AS cache_write_tokens, sum(r.output_tokens) AS output_tokens,
    sum(r.reasoning_tokens) AS reasoning_tokens, sum(r.cost_nanos) AS cost_nanos, sum(r.reported_cost_nanos) AS reported_cost_nanos,
    sum(r.durations)::text AS histogram
FROM report_sums(:customer_id, :rolled, :since, :since, :until) r
    JOIN report_groups(:customer_id, '', :own_user, :own_teams, :filters::jsonb) w ON w.id = r.group_id;

-- name: overview
-- Every group is summed once; then those few sums again: in all, of the period before, and by each dimension.
WITH summed AS MATERIALIZED (
    SELECT r.* FROM report_sums(:customer_id, :rolled, :before, :since, :until) r
        JOIN report_groups(:customer_id, '', :own_user, :own_teams, :filters::jsonb) w ON w.id = r.group_id
), listed AS (
    SELECT CASE WHEN grouping(g.model) = 0 THEN 'model' WHEN grouping(g.provider) = 0 THEN 'provider'
            WHEN grouping(g.vendor) = 0 THEN 'vendor' WHEN grouping(g.tool) = 0 THEN 'tool'
            WHEN grouping(g.user_id) = 0 THEN 'user' WHEN grouping(g.team_id) = 0 THEN 'team'
            WHEN grouping(g.key_id) = 0 THEN 'key' WHEN grouping(g.source) = 0 THEN 'source'
            WHEN s.now THEN 'totals' ELSE 'before' END AS dimension,
        coalesce(g.model, g.provider, g.vendor, g.tool, g.user_id, g.team_id, g.key_id, g.source) AS word,
        sum(s.calls) AS calls, sum(s.errors) AS errors, sum(s.input_tokens) AS input_tokens, sum(s.cached_tokens) AS cached_tokens,
        sum(s.cache_write_tokens) AS cache_write_tokens, sum(s.output_tokens) AS output_tokens,
        sum(s.reasoning_tokens) AS reasoning_tokens, sum(s.cost_nanos) AS cost_nanos, sum(s.reported_cost_nanos) AS reported_cost_nanos,
        sum(s.durations) AS durations
    FROM summed s JOIN rollup_groups g ON g.id = s.group_id
    GROUP BY s.now, GROUPING SETS (
        (g.model), (g.provider), (g.vendor), (g.tool), (g.user_id), (g.team_id), (g.key_id), (g.source), ())
    HAVING s.now OR grouping(g.model, g.provider, g.vendor, g.tool, g.user_id, g.team_id, g.key_id, g.source) = 255
), ranked AS (
    SELECT l.*, row_number() OVER (
        PARTITION BY l.dimension ORDER BY l.cost_nanos + l.reported_cost_nanos DESC, l.calls DESC, l.word) AS place
    FROM listed l WHERE l.calls > 0 OR l.cost_nanos <> 0
)
SELECT r.*, r.durations::text AS histogram FROM ranked r WHERE r.place <= :most ORDER BY r.dimension, r.place;

-- name: top
-- Values of one dimension, by a measure of choice.
SELECT w.word,
    sum(r.calls) AS calls, sum(r.errors) AS errors, sum(r.input_tokens) AS input_tokens, sum(r.cached_tokens) AS cached_tokens,
    sum(r.cache_write_tokens) AS cache_write_tokens, sum(r.output_tokens) AS output_tokens,
    sum(r.reasoning_tokens) AS reasoning_tokens, sum(r.cost_nanos) AS cost_nanos, sum(r.reported_cost_nanos) AS reported_cost_nanos,
    sum(r.durations)::text AS histogram
FROM report_sums(:customer_id, :rolled, :since, :since, :until) r
    JOIN report_groups(:customer_id, :by, :own_user, :own_teams, :filters::jsonb) w ON w.id = r.group_id
GROUP BY 1 HAVING sum(r.calls) > 0 OR sum(r.cost_nanos) <> 0
ORDER BY CASE :measure WHEN 'cost' THEN sum(r.cost_nanos) WHEN 'reported_cost' THEN sum(r.reported_cost_nanos)
    WHEN 'errors' THEN sum(r.errors) WHEN 'tokens' THEN sum(r.input_tokens + r.output_tokens)
    ELSE sum(r.calls) END DESC, sum(r.calls) DESC, 1 LIMIT :most;

-- name: series
-- One measure by steps and by the first values of a dimension; what is left of it is summed as one. Which values come
-- first is judged by whole days, because those are few rows. Of the many rows nothing is asked that is not needed.
WITH wanted AS NOT MATERIALIZED (
    SELECT w.id, w.word FROM report_groups(:customer_id, :by, :own_user, :own_teams, :filters::jsonb) w
), ranked AS (
    SELECT w.word, row_number() OVER (ORDER BY sum(CASE :measure
            WHEN 'errors' THEN d.errors WHEN 'error_rate' THEN d.errors
            WHEN 'tokens' THEN d.input_tokens + d.output_tokens WHEN 'input_tokens' THEN d.input_tokens
            WHEN 'output_tokens' THEN d.output_tokens WHEN 'cached_tokens' THEN d.cached_tokens
            WHEN 'cache_write_tokens' THEN d.cache_write_tokens WHEN 'reasoning_tokens' THEN d.reasoning_tokens
            WHEN 'cost' THEN d.cost_nanos WHEN 'reported_cost' THEN d.reported_cost_nanos
            ELSE d.calls END) DESC, w.word) AS place
    FROM rollup_days d JOIN wanted w ON w.id = d.group_id
    WHERE d.customer = hashtext(:customer_id) AND d.at >= date_trunc('day', :since::timestamptz, 'UTC') AND d.at < :until
    GROUP BY w.word HAVING sum(d.calls) > 0 OR sum(d.cost_nanos) <> 0
), placed AS MATERIALIZED (
    SELECT w.id, least(k.place, :most + 1)::integer AS place, CASE WHEN k.place <= :most THEN k.word END AS word
    FROM wanted w JOIN ranked k ON k.word IS NOT DISTINCT FROM w.word
)
SELECT c.*, l.word FROM (
    SELECT p.place, CASE WHEN :step IN ('hour', 'day') THEN r.at ELSE date_trunc(:step, r.at, 'UTC') END AS at,
        sum(CASE WHEN :measure = 'error_rate' THEN r.calls END) AS calls,
        sum(CASE :measure
            WHEN 'calls' THEN r.calls WHEN 'errors' THEN r.errors WHEN 'error_rate' THEN r.errors
            WHEN 'tokens' THEN r.input_tokens + r.output_tokens WHEN 'input_tokens' THEN r.input_tokens
            WHEN 'output_tokens' THEN r.output_tokens WHEN 'cached_tokens' THEN r.cached_tokens
            WHEN 'cache_write_tokens' THEN r.cache_write_tokens WHEN 'reasoning_tokens' THEN r.reasoning_tokens
            WHEN 'cost' THEN r.cost_nanos WHEN 'reported_cost' THEN r.reported_cost_nanos END) AS value
    FROM rollups r JOIN placed p ON p.id = r.group_id
    WHERE r.step = :rolled AND r.customer = hashtext(:customer_id) AND r.at >= :since AND r.at < :until
    GROUP BY 1, 2
) c JOIN (SELECT DISTINCT p.place, p.word FROM placed p) l USING (place) ORDER BY c.place, c.at;

-- name: duration_series
-- The same of histograms of durations; the values with the most calls come first.
WITH wanted AS NOT MATERIALIZED (
    SELECT w.id, w.word FROM report_groups(:customer_id, :by, :own_user, :own_teams, :filters::jsonb) w
), ranked AS (
    SELECT w.word, row_number() OVER (ORDER BY sum(d.calls) DESC, w.word) AS place
    FROM rollup_days d JOIN wanted w ON w.id = d.group_id
    WHERE d.customer = hashtext(:customer_id) AND d.at >= date_trunc('day', :since::timestamptz, 'UTC') AND d.at < :until
    GROUP BY w.word HAVING sum(d.calls) > 0 OR sum(d.cost_nanos) <> 0
), placed AS MATERIALIZED (
    SELECT w.id, least(k.place, :most + 1)::integer AS place, CASE WHEN k.place <= :most THEN k.word END AS word
    FROM wanted w JOIN ranked k ON k.word IS NOT DISTINCT FROM w.word
)
SELECT c.*, l.word FROM (
    SELECT p.place, CASE WHEN :step IN ('hour', 'day') THEN r.at ELSE date_trunc(:step, r.at, 'UTC') END AS at,
        sum(r.durations)::text AS histogram
    FROM rollup_durations r JOIN placed p ON p.id = r.group_id
    WHERE r.step = :rolled AND r.customer = hashtext(:customer_id) AND r.at >= :since AND r.at < :until
    GROUP BY 1, 2
) c JOIN (SELECT DISTINCT p.place, p.word FROM placed p) l USING (place) ORDER BY c.place, c.at;

-- name: failures
-- What went wrong how often, by type and one dimension.
SELECT e.error_type, w.word, sum(e.errors)::bigint AS errors
FROM rollup_errors e JOIN report_groups(:customer_id, :by, :own_user, :own_teams, :filters::jsonb) w ON w.id = e.group_id
WHERE e.customer = hashtext(:customer_id) AND e.at >= :since AND e.at < :until
GROUP BY 1, 2 HAVING sum(e.errors) > 0 ORDER BY 3 DESC, 1, 2 LIMIT :most;

-- name: sums_page
-- Every sum there is, oldest first; the cursor is the last row's (at, group).
SELECT r.*, g.source, g.vendor, g.tool, g.provider, g.model, g.user_id, g.team_id, g.key_id
FROM rollups r JOIN report_groups(:customer_id, '', :own_user, :own_teams, :filters::jsonb) w ON w.id = r.group_id
    JOIN rollup_groups g ON g.id = r.group_id
WHERE r.step = :rolled AND r.customer = hashtext(:customer_id) AND r.at >= :since AND r.at < :until
    AND (r.at, r.group_id) > (:after_at, :after_group::integer) AND (r.calls > 0 OR r.cost_nanos <> 0)
ORDER BY r.at, r.group_id LIMIT :most;

-- name: tools
-- By when they were seen last. Whoever sees only their own sees the tools that those calls came through. A tool may have
-- several profiles: our spans of its calls, and its own spans; who used it is counted once over all of them.
SELECT t.*, cardinality(t.users) AS user_count, (
    SELECT count(DISTINCT u.id) FROM tool_profiles p, unnest(p.users) u (id)
    WHERE p.customer_id = t.customer_id AND p.tool = t.tool) AS tool_user_count
FROM tool_profiles t
WHERE t.customer_id = :customer_id
    AND (:own_user::text IS NULL OR EXISTS (
        SELECT 1 FROM rollup_groups g WHERE g.customer_id = t.customer_id AND g.vendor = t.vendor AND g.tool = t.tool
            AND (g.user_id = :own_user OR g.team_id = ANY (:own_teams))))
ORDER BY t.last_seen_at DESC, t.vendor, t.tool LIMIT :most;

-- name: names
-- What people call the things that reports know by id.
SELECT 'user' AS kind, u.id, coalesce(nullif(u.name, ''), u.email) AS name FROM users u
WHERE u.customer_id = :customer_id AND u.id = ANY (:users::text[])
UNION ALL SELECT 'team', t.id, t.name FROM teams t
WHERE t.customer_id = :customer_id AND t.id = ANY (:teams::text[])
UNION ALL SELECT 'key', k.id, k.name FROM ai_gateway_keys k
WHERE k.customer_id = :customer_id AND k.id = ANY (:keys::text[]);

-- name: key_hashes
-- By which the pages of keys are known.
SELECT k.id, k.key_hash FROM ai_gateway_keys k WHERE k.customer_id = :customer_id AND k.id = ANY (:keys::text[]);

-- name: bound_time!
-- For the rest of the transaction.
SELECT set_config('statement_timeout', :milliseconds, true);

-- name: matching_places
-- Spans that match, newest first, in a slice of time that is small enough to be read whole. Days are named so that
-- only their partitions are looked at; a call of ours may lie in the day beside its own.
SELECT s.trace_id, s.span_id, s.start_ns FROM telemetry_spans s
WHERE s.customer_id = :customer_id AND s.day >= :first_day AND s.day <= :last_day
    AND s.start_ns >= :since_ns AND s.start_ns <= :until_ns
    AND (:before_ns::bigint IS NULL OR (s.start_ns, s.span_id) < (:before_ns::bigint, :before_span::text))
    AND (:traces::text[] IS NULL OR s.trace_id COLLATE "C" = ANY (:traces))
    AND (:own_user::text IS NULL OR s.user_id = :own_user OR s.team_id = ANY (:own_teams))
    AND (:filters::jsonb -> 'model' IS NULL OR :filters::jsonb -> 'model' ? coalesce(s.model, ''))
    AND (:filters::jsonb -> 'provider' IS NULL OR :filters::jsonb -> 'provider' ? coalesce(s.provider, ''))
    AND (:filters::jsonb -> 'vendor' IS NULL OR :filters::jsonb -> 'vendor' ? s.vendor)
    AND (:filters::jsonb -> 'tool' IS NULL OR :filters::jsonb -> 'tool' ? coalesce(s.tool, ''))
    AND (:filters::jsonb -> 'user' IS NULL OR :filters::jsonb -> 'user' ? coalesce(s.user_id, ''))
    AND (:filters::jsonb -> 'team' IS NULL OR :filters::jsonb -> 'team' ? coalesce(s.team_id, ''))
    AND (:filters::jsonb -> 'key' IS NULL OR :filters::jsonb -> 'key' ? coalesce(s.key_id, ''))
    AND (:filters::jsonb -> 'source' IS NULL OR :filters::jsonb -> 'source' ? s.source)
    AND (:status::smallint IS NULL OR s.status = :status)
    AND (:least_ns::bigint IS NULL OR s.end_ns - s.start_ns >= :least_ns)
    AND (:most_ns::bigint IS NULL OR s.end_ns - s.start_ns <= :most_ns)
    AND (:least_cost::bigint IS NULL OR s.cost_nanos >= :least_cost)
    AND (:most_cost::bigint IS NULL OR s.cost_nanos <= :most_cost)
    AND (:pattern::text IS NULL OR s.name ILIKE :pattern OR s.status_message ILIKE :pattern
         OR s.attributes::text ILIKE :pattern)
ORDER BY s.start_ns DESC, s.span_id DESC LIMIT :most;

-- name: matching_spans
-- The same, whole.
SELECT s.* FROM telemetry_spans s
WHERE s.customer_id = :customer_id AND s.day >= :first_day AND s.day <= :last_day
    AND s.start_ns >= :since_ns AND s.start_ns <= :until_ns
    AND (:before_ns::bigint IS NULL OR (s.start_ns, s.span_id) < (:before_ns::bigint, :before_span::text))
    AND (:traces::text[] IS NULL OR s.trace_id COLLATE "C" = ANY (:traces))
    AND (:own_user::text IS NULL OR s.user_id = :own_user OR s.team_id = ANY (:own_teams))
    AND (:filters::jsonb -> 'model' IS NULL OR :filters::jsonb -> 'model' ? coalesce(s.model, ''))
    AND (:filters::jsonb -> 'provider' IS NULL OR :filters::jsonb -> 'provider' ? coalesce(s.provider, ''))
    AND (:filters::jsonb -> 'vendor' IS NULL OR :filters::jsonb -> 'vendor' ? s.vendor)
    AND (:filters::jsonb -> 'tool' IS NULL OR :filters::jsonb -> 'tool' ? coalesce(s.tool, ''))
    AND (:filters::jsonb -> 'user' IS NULL OR :filters::jsonb -> 'user' ? coalesce(s.user_id, ''))
    AND (:filters::jsonb -> 'team' IS NULL OR :filters::jsonb -> 'team' ? coalesce(s.team_id, ''))
    AND (:filters::jsonb -> 'key' IS NULL OR :filters::jsonb -> 'key' ? coalesce(s.key_id, ''))
    AND (:filters::jsonb -> 'source' IS NULL OR :filters::jsonb -> 'source' ? s.source)
    AND (:status::smallint IS NULL OR s.status = :status)
    AND (:least_ns::bigint IS NULL OR s.end_ns - s.start_ns >= :least_ns)
    AND (:most_ns::bigint IS NULL OR s.end_ns - s.start_ns <= :most_ns)
    AND (:least_cost::bigint IS NULL OR s.cost_nanos >= :least_cost)
    AND (:most_cost::bigint IS NULL OR s.cost_nanos <= :most_cost)
    AND (:pattern::text IS NULL OR s.name ILIKE :pattern OR s.status_message ILIKE :pattern
         OR s.attributes::text ILIKE :pattern)
ORDER BY s.start_ns DESC, s.span_id DESC LIMIT :most;

-- name: hours_with_spans
-- Hours in which calls of the wanted groups are: the others need not be read. What was merged may be of any group.
SELECT DISTINCT (extract(epoch FROM r.at) / 3600)::integer AS hour
FROM rollup_hours r JOIN (
    SELECT w.id FROM report_groups(:customer_id, '', :own_user, :own_teams, :filters::jsonb) w
    UNION SELECT g.id FROM rollup_groups g WHERE g.customer_id = :customer_id AND g.vendor = :others) w ON w.id = r.group_id
WHERE r.customer = hashtext(:customer_id) AND r.at >= :since AND r.at < :until AND r.spans > 0
ORDER BY 1 DESC;

-- name: trace_summaries
-- What traces are as a whole, as far as the caller may see them. The root: the span without a parent, or the first.
SELECT s.trace_id, count(*) AS spans, count(*) FILTER (WHERE s.counted) AS calls,
    count(*) FILTER (WHERE s.status = 2) AS errors, min(s.start_ns) AS start_ns, max(s.end_ns) AS end_ns,
    coalesce(sum(s.input_tokens) FILTER (WHERE s.counted), 0) AS input_tokens,
    coalesce(sum(s.output_tokens) FILTER (WHERE s.counted), 0) AS output_tokens,
    coalesce(sum(s.cost_nanos) FILTER (WHERE s.counted AND s.source = 'proxy'), 0) AS cost_nanos,
    coalesce(sum(s.cost_nanos) FILTER (WHERE s.counted AND s.source <> 'proxy'), 0) AS reported_cost_nanos,
    (array_agg(s.name ORDER BY s.parent_span_id IS NOT NULL, s.start_ns))[1] AS name,
    (array_agg(s.user_id ORDER BY s.parent_span_id IS NOT NULL, s.start_ns))[1] AS user_id,
    (array_agg(s.team_id ORDER BY s.parent_span_id IS NOT NULL, s.start_ns))[1] AS team_id,
    (array_agg(s.key_id ORDER BY s.parent_span_id IS NOT NULL, s.start_ns))[1] AS key_id,
    (array_agg(s.vendor ORDER BY s.parent_span_id IS NOT NULL, s.start_ns))[1] AS vendor,
    (array_agg(s.tool ORDER BY s.parent_span_id IS NOT NULL, s.start_ns))[1] AS tool,
    (array_agg(DISTINCT s.model) FILTER (WHERE s.model IS NOT NULL))[1 : 10] AS models
FROM telemetry_spans s
WHERE s.customer_id COLLATE "C" = :customer_id AND s.trace_id COLLATE "C" = ANY (:trace_ids::text[])
    AND s.day >= :first_day AND s.day <= :last_day
    AND (:own_user::text IS NULL OR s.user_id = :own_user OR s.team_id = ANY (:own_teams))
GROUP BY 1;

-- name: trace_spans
-- Parents before children as far as time tells.
SELECT s.* FROM telemetry_spans s
WHERE s.customer_id COLLATE "C" = :customer_id AND s.trace_id COLLATE "C" = :trace_id
    AND (:span_id::text IS NULL OR s.span_id COLLATE "C" = :span_id)
    AND (:own_user::text IS NULL OR s.user_id = :own_user OR s.team_id = ANY (:own_teams))
ORDER BY s.start_ns, s.parent_span_id IS NOT NULL, s.span_id LIMIT :most;
