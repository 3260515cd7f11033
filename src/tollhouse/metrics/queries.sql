-- name: standing^
-- How the installation stands, in one row. What can be many is counted up to :most, so that it takes milliseconds.
WITH open_leases AS (
    SELECT count(*) FILTER (WHERE state = 'active') AS leases,
        coalesce(sum(granted - settled - returned) FILTER (WHERE state = 'active'), 0)::bigint AS leased_nanos,
        count(*) FILTER (WHERE state = 'doubt') AS doubtful_leases,
        coalesce(sum(granted - settled - returned) FILTER (WHERE state = 'doubt'), 0)::bigint AS doubt_nanos
    FROM ledger_leases WHERE state <> 'closed'
)
SELECT open_leases.*,
    (SELECT count(*) FROM ledger_dead_letters WHERE resolved_at IS NULL) AS dead_letters,
    (SELECT count(*) FROM ledger_marks WHERE state = 'live') AS live_workers,
    (SELECT count(*) FROM ledger_marks WHERE state = 'silent') AS silent_workers,
    (SELECT coalesce(extract(epoch FROM now() - min(seen_at)), 0)::float8 FROM ledger_marks WHERE state = 'live')
        AS oldest_word_s,
    (SELECT coalesce(extract(epoch FROM now() - max(day)), 0)::float8 FROM ledger_seals) AS seal_age_s,
    (SELECT count(*) FROM (SELECT FROM ledger_events WHERE delivered_at IS NULL AND given_up_at IS NULL
        LIMIT :most) e) AS webhook_events,
    (SELECT count(*) FROM (SELECT FROM usage_events WHERE sent_at IS NULL AND dead_at IS NULL LIMIT :most) u) AS usage_events,
    (SELECT coalesce(extract(epoch FROM now() - min(occurred_at)), 0)::float8 FROM usage_events
        WHERE sent_at IS NULL AND dead_at IS NULL) AS usage_events_age_s,
    (SELECT count(*) FROM (SELECT FROM usage_events WHERE dead_at IS NOT NULL LIMIT :most) d) AS dead_usage_events,
    (SELECT count(*) FROM trace_exporters WHERE enabled) AS exporters,
    (SELECT count(*) FROM trace_exporters WHERE enabled AND failures > 0) AS failing_exporters,
    (SELECT count(*) FROM (SELECT FROM trace_exports LIMIT :most) q) AS export_spans,
    (SELECT coalesce(extract(epoch FROM now() - min(queued_at)), 0)::float8 FROM trace_exports) AS export_age_s,
    (SELECT coalesce(sum(sent_spans), 0)::bigint FROM trace_exporters) AS exported_spans,
    (SELECT coalesce(sum(refused_spans), 0)::bigint FROM trace_exporters) AS refused_spans,
    (SELECT coalesce(sum(skipped_spans), 0)::bigint FROM trace_exporters) AS skipped_spans
FROM open_leases;
