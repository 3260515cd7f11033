-- Reports: who wrote a span, rollups of calls by hour and by day, profiles of tools.

-- `source`: who wrote the span; what others send is never 'proxy'. `counted`: the span is one call to a model.
ALTER TABLE telemetry_spans
    ADD source text NOT NULL DEFAULT 'proxy' CHECK (source IN ('proxy', 'otlp')),
    ADD counted boolean NOT NULL DEFAULT true;

-- The source is part of what a span is known by: nobody can take the place of a span of ours by sending its ids first.
ALTER TABLE telemetry_spans DROP CONSTRAINT telemetry_spans_pkey;
ALTER TABLE telemetry_spans ADD PRIMARY KEY (day, customer_id, trace_id, span_id, source);

-- The sum of a histogram of durations is `sum` of a number: three digits to the base of 10,000 for each bucket, which
-- PostgreSQL adds without looking into it. Bucket b holds durations of 2^((b-1)/8) to 2^(b/8) milliseconds; see
-- traces/durations.py.
CREATE FUNCTION duration_bucket(p_start_ns bigint, p_end_ns bigint) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT least(greatest(ceil(8 * log(greatest(p_end_ns - p_start_ns, 1) / 1e6::float8) / log(2::float8)), 0), 199)::integer
$$;

-- What happened and is not in the rollups yet. Writers only ever add rows here, so they never wait for each other;
-- one process at a time folds them in. A row is a part of an hour of a group: also a correction, with its sign.
CREATE TABLE rollup_pending (
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
    hour timestamptz NOT NULL,
    spans bigint NOT NULL,
    calls bigint NOT NULL,
    errors bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cached_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_nanos bigint NOT NULL,
    reported_cost_nanos bigint NOT NULL,
    durations numeric NOT NULL,
    version text, -- of the tool
    first_ns bigint,
    last_ns bigint
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 10);

-- The groups that calls are summed in: every combination of dimensions that ever was, by number.
CREATE TABLE rollup_groups (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    known_as uuid NOT NULL UNIQUE, -- a hash of the dimensions: they are too long for an index
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

CREATE TABLE rollup_hours (
    customer_id text NOT NULL,
    at timestamptz NOT NULL,
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
    durations numeric NOT NULL,
    PRIMARY KEY (customer_id, at, group_id)
) WITH (fillfactor = 85, toast_tuple_target = 4080);

CREATE TABLE rollup_days (LIKE rollup_hours INCLUDING ALL) WITH (fillfactor = 85, toast_tuple_target = 4080);

-- What failed how, by hour.
CREATE TABLE rollup_errors (
    customer_id text NOT NULL,
    at timestamptz NOT NULL,
    group_id integer NOT NULL,
    error_type text NOT NULL,
    errors bigint NOT NULL,
    PRIMARY KEY (customer_id, at, group_id, error_type)
);

CREATE TABLE tool_profiles (
    customer_id text NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    vendor text NOT NULL,
    tool text NOT NULL,
    version text, -- the last that was told
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    spans bigint NOT NULL,
    calls bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    users text[] NOT NULL,
    PRIMARY KEY (customer_id, vendor, tool)
);
