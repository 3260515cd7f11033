-- Reports: who wrote a span, rollups of calls by hour and by day, profiles of tools.

-- `source`: who wrote the span; what others send is never 'proxy'. `counted`: the span is one call to a model.
ALTER TABLE telemetry_spans
    ADD source text NOT NULL DEFAULT 'proxy' CHECK (source IN ('proxy', 'otlp')),
    ADD counted boolean NOT NULL DEFAULT true;

-- The source is part of what a span is known by: nobody can take the place of a span of ours by sending its ids first.
-- Compared byte by byte, and what differs first: with a language's rules an insert takes twice the time.
ALTER TABLE telemetry_spans DROP CONSTRAINT telemetry_spans_pkey;
CREATE UNIQUE INDEX telemetry_spans_key ON telemetry_spans
    (trace_id COLLATE "C", span_id COLLATE "C", customer_id COLLATE "C", day, source COLLATE "C");

-- The only writer sees to the form of ids; looking again takes a twentieth of the time of an insert.
ALTER TABLE telemetry_spans
    DROP CONSTRAINT telemetry_spans_trace_id_check, DROP CONSTRAINT telemetry_spans_span_id_check;

-- Drops the partitions of days before `p_before`; returns how many. Waits a moment only: the table is asked all the time.
CREATE FUNCTION drop_day_partitions(p_table regclass, p_before date) RETURNS integer
LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
DECLARE part regclass; dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('open_day_partitions'));
    FOR part IN SELECT i.inhrelid::regclass FROM pg_inherits i
            JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = p_table AND c.relname ~ '_[0-9]{8}$' AND right(c.relname, 8) < to_char(p_before, 'YYYYMMDD')
            ORDER BY c.relname LOOP
        EXECUTE format('DROP TABLE %s', part);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;

-- The sum of a histogram of durations is `sum` of a number: three digits to the base of 10,000 for each bucket, which
-- PostgreSQL adds without looking into it. Bucket b holds durations of 2^((b-1)/8) to 2^(b/8) milliseconds; see
-- traces/durations.py.
CREATE FUNCTION duration_bucket(p_start_ns bigint, p_end_ns bigint) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT greatest(least(ceil(ln(greatest(p_end_ns - p_start_ns, 1) / 1e6::float8) * 11.541560327111707), 199), 0)::integer
$$;

-- Sums that senders' claims add to do not overflow; they stop at a number that nobody believes anyway.
CREATE FUNCTION rollup_add(a numeric, b numeric) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT greatest(least(a + b, 9000000000000000000), -9000000000000000000)::bigint
$$;

-- What a group is known as: its dimensions are too long for an index.
CREATE FUNCTION rollup_group_key(
    p_customer text, p_source text, p_vendor text, p_tool text, p_provider text, p_model text, p_user text, p_team text,
    p_key text
) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT md5(ROW(p_customer, p_source, p_vendor, p_tool, p_provider, p_model, p_user, p_team, p_key)::text)::uuid
$$;

-- What happened and is not in the rollups yet. Writers only ever add rows here, so they never wait for each other;
-- one process at a time folds them in. A row is a part of an hour of a group: also a correction, with its sign.
CREATE TABLE rollup_pending (
    known_as uuid NOT NULL, -- the group
    customer_id text NOT NULL,
    source text NOT NULL,
    vendor text NOT NULL,
    tool text,
    provider text,
    model text,
    user_id text,
    team_id text,
    key_id text,
    error_type text, -- of a failed call
    hour integer NOT NULL, -- since 1970
    calls bigint NOT NULL,
    errors bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cached_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_nanos bigint NOT NULL,
    reported_cost_nanos bigint NOT NULL,
    spans bigint NOT NULL,
    durations numeric NOT NULL,
    version text, -- of the tool
    first_ns bigint,
    last_ns bigint
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_insert_threshold = -1);

-- The groups that calls are summed in: every combination of dimensions that ever was, by number.
CREATE TABLE rollup_groups (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    known_as uuid NOT NULL UNIQUE,
    customer_id text NOT NULL,
    source text NOT NULL,
    vendor text NOT NULL,
    tool text,
    provider text,
    model text,
    user_id text,
    team_id text,
    key_id text
);
CREATE INDEX rollup_groups_customer_idx ON rollup_groups (customer_id);

-- Metered cost is the ledger's; what senders say that calls cost stands apart. `customer` is hashtext of the customer's
-- id and only puts rows of a customer together: whose they are, the group says. Rows are short and all their columns of
-- fixed length, so that many are summed quickly; histograms of durations have tables of their own.
CREATE TABLE rollup_hours (
    at timestamptz NOT NULL,
    customer integer NOT NULL,
    group_id integer NOT NULL,
    calls bigint NOT NULL,
    errors bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cached_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_nanos bigint NOT NULL,
    reported_cost_nanos bigint NOT NULL,
    spans bigint NOT NULL,
    PRIMARY KEY (customer, at, group_id)
) WITH (fillfactor = 85);

CREATE TABLE rollup_days (LIKE rollup_hours INCLUDING ALL) WITH (fillfactor = 85);

CREATE TABLE rollup_hour_durations (
    at timestamptz NOT NULL,
    customer integer NOT NULL,
    group_id integer NOT NULL,
    durations numeric NOT NULL,
    PRIMARY KEY (customer, at, group_id)
) WITH (fillfactor = 85);

CREATE TABLE rollup_day_durations (LIKE rollup_hour_durations INCLUDING ALL) WITH (fillfactor = 85);

CREATE VIEW rollups AS
    SELECT 'hour' AS step, h.* FROM rollup_hours h UNION ALL SELECT 'day', d.* FROM rollup_days d;

CREATE VIEW rollup_durations AS
    SELECT 'hour' AS step, h.* FROM rollup_hour_durations h UNION ALL SELECT 'day', d.* FROM rollup_day_durations d;

-- The groups that somebody may see and asks for. `p_by`: the dimension that `word` is of. `p_own_user` null: all of the
-- customer's; else only that user's and those of `p_own_teams`. `p_filters`: allowed values by dimension, '' for none.
CREATE FUNCTION report_groups(
    p_customer text, p_by text, p_own_user text, p_own_teams text[], p_filters jsonb
) RETURNS TABLE (id integer, word text) LANGUAGE sql STABLE AS $$
    SELECT g.id, CASE p_by WHEN 'model' THEN g.model WHEN 'provider' THEN g.provider WHEN 'vendor' THEN g.vendor
        WHEN 'tool' THEN g.tool WHEN 'user' THEN g.user_id WHEN 'team' THEN g.team_id WHEN 'key' THEN g.key_id
        WHEN 'source' THEN g.source END
    FROM rollup_groups g
    WHERE g.customer_id = p_customer
        AND (p_own_user IS NULL OR g.user_id = p_own_user OR g.team_id = ANY (p_own_teams))
        AND (p_filters -> 'model' IS NULL OR p_filters -> 'model' ? coalesce(g.model, ''))
        AND (p_filters -> 'provider' IS NULL OR p_filters -> 'provider' ? coalesce(g.provider, ''))
        AND (p_filters -> 'vendor' IS NULL OR p_filters -> 'vendor' ? g.vendor)
        AND (p_filters -> 'tool' IS NULL OR p_filters -> 'tool' ? coalesce(g.tool, ''))
        AND (p_filters -> 'user' IS NULL OR p_filters -> 'user' ? coalesce(g.user_id, ''))
        AND (p_filters -> 'team' IS NULL OR p_filters -> 'team' ? coalesce(g.team_id, ''))
        AND (p_filters -> 'key' IS NULL OR p_filters -> 'key' ? coalesce(g.key_id, ''))
        AND (p_filters -> 'source' IS NULL OR p_filters -> 'source' ? g.source)
$$;

-- What failed how, by hour.
CREATE TABLE rollup_errors (
    at timestamptz NOT NULL,
    customer integer NOT NULL,
    group_id integer NOT NULL,
    errors bigint NOT NULL,
    error_type text NOT NULL,
    PRIMARY KEY (customer, at, group_id, error_type)
);

-- Sums of each group of a customer from `p_since` on, and of the time before that from `p_from` on.
CREATE FUNCTION report_sums(
    p_customer text, p_step text, p_from timestamptz, p_since timestamptz, p_until timestamptz
) RETURNS TABLE (
    group_id integer, now boolean, calls numeric, errors numeric, input_tokens numeric, cached_tokens numeric,
    cache_write_tokens numeric, output_tokens numeric, reasoning_tokens numeric, cost_nanos numeric,
    reported_cost_nanos numeric, durations numeric
) LANGUAGE sql STABLE AS $$
    SELECT c.group_id, c.now, c.calls, c.errors, c.input_tokens, c.cached_tokens, c.cache_write_tokens, c.output_tokens,
        c.reasoning_tokens, c.cost_nanos, c.reported_cost_nanos, t.durations
    FROM (
        SELECT r.group_id, r.at >= p_since AS now,
            sum(r.calls) AS calls, sum(r.errors) AS errors, sum(r.input_tokens) AS input_tokens, sum(r.cached_tokens) AS cached_tokens,
            sum(r.cache_write_tokens) AS cache_write_tokens, sum(r.output_tokens) AS output_tokens,
            sum(r.reasoning_tokens) AS reasoning_tokens, sum(r.cost_nanos) AS cost_nanos, sum(r.reported_cost_nanos) AS reported_cost_nanos
        FROM rollups r
        WHERE r.step = p_step AND r.customer = hashtext(p_customer) AND r.at >= p_from AND r.at < p_until
        GROUP BY 1, 2
    ) c LEFT JOIN (
        SELECT d.group_id, d.at >= p_since AS now, sum(d.durations) AS durations
        FROM rollup_durations d
        WHERE d.step = p_step AND d.customer = hashtext(p_customer) AND d.at >= p_from AND d.at < p_until
        GROUP BY 1, 2
    ) t ON (t.group_id, t.now) = (c.group_id, c.now)
$$;

CREATE TABLE tool_profiles (
    customer_id text NOT NULL,
    vendor text NOT NULL,
    tool text NOT NULL,
    version text, -- the last that was told
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    spans bigint NOT NULL,
    calls bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    users text[] NOT NULL, -- the first thousand
    PRIMARY KEY (customer_id, vendor, tool)
);

-- What happened before there were rollups: every span was a call of ours, and every correction was on top of it.
INSERT INTO rollup_pending
SELECT rollup_group_key(s.customer_id, 'proxy', s.vendor, s.tool, s.provider, s.model, s.user_id, s.team_id, s.key_id),
    s.customer_id, 'proxy', s.vendor, s.tool, s.provider, s.model, s.user_id, s.team_id, s.key_id,
    CASE WHEN s.status = 2 THEN coalesce(left(s.attributes ->> 'error.type', 100), '_OTHER') END,
    greatest(least(s.start_ns / 3600000000000, (s.day - date '1970-01-01') * 24 + 23),
        (s.day - date '1970-01-01') * 24)::integer,
    count(*), count(*) FILTER (WHERE s.status = 2), coalesce(sum(s.input_tokens), 0), coalesce(sum(s.output_tokens), 0),
    coalesce(sum(s.cached_tokens), 0), coalesce(sum(s.cache_write_tokens), 0), coalesce(sum(s.reasoning_tokens), 0),
    coalesce(sum(s.cost_nanos), 0), 0, count(*),
    coalesce(sum(('1e' || 12 * duration_bucket(s.start_ns, s.end_ns))::numeric) FILTER (WHERE s.end_ns > s.start_ns), 0),
    NULL, min(s.start_ns), max(s.start_ns)
FROM telemetry_spans s GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12;

INSERT INTO rollup_pending
SELECT rollup_group_key(e.customer_id, 'proxy', 'tollhouse', NULL, e.provider, e.model, e.user_id, e.team_id, e.key_id),
    e.customer_id, 'proxy', 'tollhouse', NULL, e.provider, e.model, e.user_id, e.team_id, e.key_id, NULL,
    coalesce(greatest(least(extract(epoch FROM r.started_at)::bigint / 3600, (e.entry_day - date '1970-01-01') * 24 + 23),
        (e.entry_day - date '1970-01-01') * 24), (e.entry_day - date '1970-01-01') * 24)::integer,
    0, 0, 0, 0, 0, 0, 0, e.cost_nanos, 0, 0, 0, NULL, NULL, NULL
FROM ledger_entries e LEFT JOIN receipts r USING (call_id) WHERE e.kind = 'adjust';
