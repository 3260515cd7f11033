DROP TABLE tool_profiles, rollup_errors, rollup_days, rollup_hours, rollup_groups, rollup_pending;
DROP FUNCTION duration_bucket(bigint, bigint);
DELETE FROM telemetry_spans WHERE source <> 'proxy';
ALTER TABLE telemetry_spans DROP CONSTRAINT telemetry_spans_pkey;
ALTER TABLE telemetry_spans DROP source, DROP counted;
ALTER TABLE telemetry_spans ADD PRIMARY KEY (day, customer_id, trace_id, span_id);
