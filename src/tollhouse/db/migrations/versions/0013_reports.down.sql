DROP FUNCTION report_sums;
DROP VIEW rollups, rollup_durations;
DROP TABLE tool_profiles, rollup_errors, rollup_days, rollup_hours, rollup_day_durations, rollup_hour_durations,
    rollup_groups, rollup_pending;
DROP FUNCTION drop_day_partitions, duration_bucket, rollup_add, rollup_group_key, report_groups;
DELETE FROM telemetry_spans WHERE source <> 'proxy';
DROP INDEX telemetry_spans_key;
ALTER TABLE telemetry_spans DROP source, DROP counted;
ALTER TABLE telemetry_spans ADD PRIMARY KEY (day, customer_id, trace_id, span_id);
ALTER TABLE telemetry_spans
    ADD CONSTRAINT telemetry_spans_trace_id_check CHECK (trace_id ~ '^[0-9a-f]{32}$'),
    ADD CONSTRAINT telemetry_spans_span_id_check CHECK (span_id ~ '^[0-9a-f]{16}$');
