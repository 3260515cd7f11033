-- Where customers have the spans of their calls sent.
CREATE TABLE trace_exporters (
    id text PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    name text NOT NULL,
    url text NOT NULL,
    encoding text NOT NULL CHECK (encoding IN ('json', 'protobuf')),
    compression text NOT NULL CHECK (compression IN ('none', 'gzip')),
    enabled boolean NOT NULL,
    include_content boolean NOT NULL,
    header_names text[] NOT NULL,
    sealed bytea,           -- all headers as one secret (see foundation/sealing.py); null without headers
    wrapped bytea,
    master_key_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    created_by_user_id text REFERENCES users (id) ON DELETE SET NULL,
    -- How it goes. Who has the claim is the only one who sends, until it runs out.
    due_at timestamptz NOT NULL DEFAULT now(),
    claim text,
    claimed_until timestamptz,
    failures integer NOT NULL DEFAULT 0,        -- in a row
    batch_spans integer NOT NULL DEFAULT 512,
    last_success_at timestamptz,
    last_failure_at timestamptz,
    last_status integer,
    last_error text,
    sent_spans bigint NOT NULL DEFAULT 0,
    refused_spans bigint NOT NULL DEFAULT 0,    -- by the receiver, for good
    skipped_spans bigint NOT NULL DEFAULT 0,    -- given up here: too old, or too many
    CHECK ((sealed IS NULL) = (wrapped IS NULL) AND (sealed IS NULL) = (master_key_id IS NULL))
);
CREATE INDEX trace_exporters_customer_idx ON trace_exporters (customer_id, created_at);
CREATE INDEX trace_exporters_due_idx ON trace_exporters (due_at) WHERE enabled;

-- Spans that wait, a row for each exporter: written in the transaction that writes the span, deleted when it arrived.
-- No foreign key: whoever writes spans must never wait for whoever deletes an exporter. What is left over is tidied up.
CREATE TABLE trace_exports (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exporter_id text NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT now(),
    span bytea NOT NULL
);
CREATE INDEX trace_exports_exporter_idx ON trace_exports (exporter_id, id);
CREATE INDEX trace_exports_age_idx ON trace_exports (queued_at);
