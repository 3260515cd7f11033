-- name: exporters_wanting
-- Who among these customers wants their spans: nearly always nobody, read off a small index.
SELECT id, customer_id FROM trace_exporters WHERE enabled AND customer_id = ANY (:customer_ids::text[]);

-- name: queue_spans!
-- Spans that are not written yet, so that telling of a call again does not send it again.
INSERT INTO trace_exports (exporter_id, span)
SELECT q.exporter_id, q.span
FROM unnest(:exporter_ids::text[], :spans::bytea[], :days::date[], :customer_ids::text[], :trace_ids::text[],
    :span_ids::text[]) WITH ORDINALITY AS q (exporter_id, span, day, customer_id, trace_id, span_id, place)
WHERE NOT EXISTS (SELECT FROM telemetry_spans t
    WHERE t.day = q.day AND t.customer_id COLLATE "C" = q.customer_id AND t.trace_id COLLATE "C" = q.trace_id
        AND t.span_id COLLATE "C" = q.span_id AND t.source = 'proxy')
ORDER BY q.place;

-- name: claim_exporters
-- Whose turn it is among those that have something to send, the longest waiting first; nobody else gets them meanwhile.
UPDATE trace_exporters e SET claim = :claim, claimed_until = now() + :hold::interval
FROM (SELECT x.id FROM trace_exporters x
      WHERE x.enabled AND x.due_at <= now() AND (x.claimed_until IS NULL OR x.claimed_until <= now())
          AND EXISTS (SELECT FROM trace_exports q WHERE q.exporter_id = x.id)
      ORDER BY x.due_at LIMIT :most FOR UPDATE OF x SKIP LOCKED) due
WHERE e.id = due.id
RETURNING e.*;

-- name: queued_spans
-- The oldest ones, as far as their bytes fit; at least one.
SELECT q.id, q.span FROM (
    SELECT o.id, o.span, sum(length(o.span)) OVER (ORDER BY o.id) - length(o.span) AS before
    FROM (SELECT id, span FROM trace_exports WHERE exporter_id = :exporter_id ORDER BY id LIMIT :most) o) q
WHERE q.before < :most_bytes ORDER BY q.id;

-- name: note_export$
-- How a try went, if the exporter is still what was claimed: if not, its spans go out again, as it is now.
WITH mine AS (
    UPDATE trace_exporters SET claim = NULL, claimed_until = NULL, due_at = now() + :wait::interval,
        failures = CASE WHEN :failed::boolean THEN failures + 1 ELSE 0 END, batch_spans = :batch_spans,
        last_success_at = CASE WHEN :failed::boolean THEN last_success_at ELSE now() END,
        last_failure_at = CASE WHEN :error::text IS NULL THEN last_failure_at ELSE now() END,
        last_status = :status::integer, last_error = coalesce(:error::text, last_error),
        sent_spans = sent_spans + :sent::integer, refused_spans = refused_spans + :refused::integer
    WHERE id = :exporter_id AND claim = :claim
    RETURNING id
), gone AS (
    DELETE FROM trace_exports q USING mine WHERE q.exporter_id = mine.id AND q.id = ANY (:done::bigint[])
)
SELECT count(*) FROM mine;

-- name: skip_old!
-- What waited for too long, and the oldest of those that are too many; both are counted.
WITH bound AS (
    SELECT e.id, (SELECT q.id FROM trace_exports q WHERE q.exporter_id = e.id ORDER BY q.id DESC
                  OFFSET :most LIMIT 1) AS through
    FROM trace_exporters e
), aged AS (
    DELETE FROM trace_exports q WHERE q.queued_at < now() - :oldest::interval RETURNING q.exporter_id
), beyond AS (
    DELETE FROM trace_exports q USING bound b
    WHERE q.exporter_id = b.id AND q.id <= b.through AND q.queued_at >= now() - :oldest::interval
    RETURNING q.exporter_id
)
UPDATE trace_exporters e SET skipped_spans = skipped_spans + g.many
FROM (SELECT exporter_id, count(*) AS many FROM (SELECT * FROM aged UNION ALL SELECT * FROM beyond) s
      GROUP BY exporter_id) g
WHERE e.id = g.exporter_id;

-- name: forget_orphans!
DELETE FROM trace_exports q WHERE NOT EXISTS (SELECT FROM trace_exporters e WHERE e.id = q.exporter_id);

-- name: tidy_lock$
-- One process tidies at a time; the others need not wait for it.
SELECT pg_try_advisory_xact_lock(hashtext('trace_exports'));

-- name: exporters_of
SELECT e.*, (SELECT count(*) FROM trace_exports q WHERE q.exporter_id = e.id) AS queued,
    (SELECT q.queued_at FROM trace_exports q WHERE q.exporter_id = e.id ORDER BY q.id LIMIT 1) AS oldest_queued_at
FROM trace_exporters e WHERE e.customer_id = :customer_id ORDER BY e.created_at, e.id;

-- name: exporter^
SELECT e.*, (SELECT count(*) FROM trace_exports q WHERE q.exporter_id = e.id) AS queued,
    (SELECT q.queued_at FROM trace_exports q WHERE q.exporter_id = e.id ORDER BY q.id LIMIT 1) AS oldest_queued_at
FROM trace_exporters e WHERE e.customer_id = :customer_id AND e.id = :id;

-- name: lock_exporter^
SELECT id FROM trace_exporters WHERE customer_id = :customer_id AND id = :id FOR UPDATE;

-- name: lock_customer^
-- Who counts what a customer has before adding to it does so alone.
SELECT id FROM customers WHERE id = :customer_id FOR NO KEY UPDATE;

-- name: insert_exporter!
INSERT INTO trace_exporters (id, customer_id, name, url, encoding, compression, enabled, include_content, header_names,
    sealed, wrapped, master_key_id, created_by_user_id)
VALUES (:id, :customer_id, :name, :url, :encoding, :compression, :enabled, :include_content, :header_names::text[],
    :sealed, :wrapped, :master_key_id, :created_by_user_id);

-- name: update_exporter!
-- It begins anew: whoever is sending just now has lost the claim, and nothing waits for a former failure.
UPDATE trace_exporters SET name = :name, url = :url, encoding = :encoding, compression = :compression,
    enabled = :enabled, include_content = :include_content, header_names = :header_names::text[], sealed = :sealed,
    wrapped = :wrapped, master_key_id = :master_key_id, changed_at = now(), claim = NULL, claimed_until = NULL,
    due_at = now(), failures = 0, batch_spans = DEFAULT
WHERE customer_id = :customer_id AND id = :id;

-- name: delete_exporter!
DELETE FROM trace_exporters WHERE customer_id = :customer_id AND id = :id;

-- name: wake_exporter!
-- Somebody saw that it can be reached again.
UPDATE trace_exporters SET due_at = now() WHERE customer_id = :customer_id AND id = :id;

-- name: sealed_after
SELECT id, customer_id, sealed, wrapped, master_key_id FROM trace_exporters
WHERE sealed IS NOT NULL AND id > :after ORDER BY id LIMIT :most;

-- name: sealed_exporter^
SELECT id, customer_id, sealed, wrapped, master_key_id FROM trace_exporters WHERE sealed IS NOT NULL AND id = :id;

-- name: rewrap_exporter$
UPDATE trace_exporters SET wrapped = :wrapped, master_key_id = :master_key_id
WHERE id = :id AND sealed = :sealed AND wrapped = :seen_wrapped RETURNING true;
