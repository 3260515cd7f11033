-- name: write_receipts!
-- Receipts and their outbox rows, in the ledger's own transaction; repeating changes nothing, but for a call that
-- was charged in doubt: its receipt then tells what became known.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(:receipts::jsonb) AS r (
        call_id uuid, customer_id text, key_id text, user_id text, team_id text, provider text, model text,
        response_model text, stream boolean, outcome text, upstream_status integer, usage_source text,
        input_tokens bigint, cached_tokens bigint, cache_write_tokens bigint, output_tokens bigint,
        reasoning_tokens bigint, price_version text, entry_kind text, entry_day date, hold_nanos bigint,
        cost_nanos bigint, clamped_max_tokens bigint, cf_log_id text, trace_id text, span_id text,
        started_at timestamptz, first_byte_ms integer, duration_ms integer)
), event AS (
    INSERT INTO usage_events (entry_id, customer_id, cost_nanos, occurred_at)
    SELECT call_id, customer_id, cost_nanos, started_at FROM given ON CONFLICT DO NOTHING
)
INSERT INTO receipts AS r SELECT * FROM given
ON CONFLICT (call_id) DO UPDATE SET response_model = excluded.response_model, outcome = excluded.outcome,
    upstream_status = excluded.upstream_status, usage_source = excluded.usage_source,
    input_tokens = excluded.input_tokens, cached_tokens = excluded.cached_tokens,
    cache_write_tokens = excluded.cache_write_tokens, output_tokens = excluded.output_tokens,
    reasoning_tokens = excluded.reasoning_tokens, entry_kind = excluded.entry_kind, cost_nanos = excluded.cost_nanos,
    cf_log_id = excluded.cf_log_id, first_byte_ms = excluded.first_byte_ms, duration_ms = excluded.duration_ms
WHERE r.entry_kind = 'in_doubt';

-- name: receipt^
SELECT r.* FROM receipts r
WHERE r.call_id = :call_id::uuid AND r.customer_id = :customer_id;

-- name: recent_of_key
-- A page, newest first; the cursor is the last row's (started_at, call_id). The first condition on it is for the index.
SELECT r.* FROM receipts r
WHERE r.key_id = :key_id AND r.customer_id = :customer_id
    AND r.started_at <= coalesce(:before_at::timestamptz, 'infinity')
    AND (:before_at::timestamptz IS NULL OR (r.started_at, r.call_id) < (:before_at::timestamptz, :before_id::uuid))
ORDER BY r.started_at DESC, r.call_id DESC LIMIT :most;

-- name: spent_by_key^
-- What a key's newest calls cost: one range of the index, bounded also for a key that is very busy.
SELECT coalesce(sum(c.cost_nanos), 0)::bigint AS cost_nanos, count(*) AS calls, min(c.started_at) AS first_at
FROM (SELECT r.cost_nanos, r.started_at FROM receipts r
      WHERE r.key_id = :key_id AND r.customer_id = :customer_id AND r.started_at >= :since
      ORDER BY r.started_at DESC LIMIT :most) c;

-- name: past_calls
-- A page of past calls, oldest first; the cursor is the last row's (started_at, call_id). A null owner: anybody.
SELECT r.call_id, r.started_at, r.provider, r.model, r.hold_nanos, r.cost_nanos
FROM receipts r
WHERE r.customer_id = :customer_id AND r.started_at >= :after_at AND r.started_at < :until
  AND (r.started_at, r.call_id) > (:after_at, :after_id::uuid)
  AND (:user_id::text IS NULL OR r.user_id = :user_id) AND (:team_id::text IS NULL OR r.team_id = :team_id)
ORDER BY r.started_at, r.call_id LIMIT :most;

-- name: past_calls_of_key
-- The same for one key, by its own index.
SELECT r.call_id, r.started_at, r.provider, r.model, r.hold_nanos, r.cost_nanos
FROM receipts r
WHERE r.key_id = :key_id AND r.customer_id = :customer_id AND r.started_at >= :after_at AND r.started_at < :until
  AND (r.started_at, r.call_id) > (:after_at, :after_id::uuid)
ORDER BY r.started_at, r.call_id LIMIT :most;

-- name: receipts_of_calls
SELECT r.* FROM receipts r WHERE r.customer_id = :customer_id AND r.call_id = ANY (:call_ids::uuid[]);

-- name: metered_calls
-- A page, oldest first; the cursor is the last row's (started_at, call_id).
SELECT r.call_id, r.started_at, r.provider, r.model, r.entry_kind, r.entry_day, r.input_tokens, r.output_tokens,
    r.usage_source, r.cost_nanos, r.cf_log_id
FROM receipts r
WHERE r.customer_id = :customer_id AND r.started_at >= :after_at AND r.started_at < :until
  AND (r.started_at, r.call_id) > (:after_at, :after_id::uuid)
ORDER BY r.started_at, r.call_id LIMIT :most;

-- name: write_adjustment_event!
INSERT INTO usage_events (entry_id, customer_id, cost_nanos, occurred_at)
VALUES (:entry_id::uuid, :customer_id, :cost_nanos, :occurred_at) ON CONFLICT DO NOTHING;

-- Exports ----------------------------------------------------------------------------------------------------

-- name: waiting_customers
-- The next customers that have events waiting, hopping from one to the next in the index, never reading their events:
-- however many wait, a look costs the same. Those without an account, or whose turn it is not, are told, too: the
-- cursor passes over them.
WITH RECURSIVE customer (id) AS (
    (SELECT e.customer_id FROM usage_events e
     WHERE e.sent_at IS NULL AND e.dead_at IS NULL AND e.customer_id > :after ORDER BY e.customer_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.customer_id FROM usage_events e
            WHERE e.sent_at IS NULL AND e.dead_at IS NULL AND e.customer_id > c.id ORDER BY e.customer_id LIMIT 1)
    FROM customer c WHERE c.id IS NOT NULL
), looked AS (SELECT id FROM customer WHERE id IS NOT NULL LIMIT :most)
SELECT l.id AS customer_id, a.account_id, a.account_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM usage_exports x WHERE x.customer_id = l.id AND x.due_at > :now)
    AND EXISTS (SELECT 1 FROM usage_events e WHERE e.customer_id = l.id AND e.sent_at IS NULL AND e.dead_at IS NULL
        AND e.due_at <= :now) AS ready
FROM looked l LEFT JOIN billing_accounts a ON a.customer_id = l.id
ORDER BY l.id;

-- name: take_turns
-- Of these customers' turns those that nobody has. In the order of their ids: others do the same at the same time.
INSERT INTO usage_exports AS x (customer_id, due_at)
SELECT id, :until FROM unnest(:customer_ids::text[]) AS id ORDER BY id
ON CONFLICT (customer_id) DO UPDATE SET due_at = excluded.due_at WHERE x.due_at <= :now
RETURNING x.customer_id, x.failures;

-- name: take_events
-- The customer's next due events, for whoever has the turn: first those that may be at Stripe already, so that as few
-- as possible are ever in that state. Neither too old for Stripe nor uncertain for too long.
WITH due AS (
    SELECT * FROM (
        (SELECT e.entry_id, e.first_tried_at FROM usage_events e
         WHERE e.customer_id = :customer_id AND e.sent_at IS NULL AND e.dead_at IS NULL AND e.due_at <= :now
             AND e.occurred_at > :not_before AND e.first_tried_at IS NOT NULL AND e.first_tried_at > :tried_since
         ORDER BY e.first_tried_at LIMIT :most)
        UNION ALL
        (SELECT e.entry_id, e.first_tried_at FROM usage_events e
         WHERE e.customer_id = :customer_id AND e.sent_at IS NULL AND e.dead_at IS NULL AND e.due_at <= :now
             AND e.occurred_at > :not_before AND e.first_tried_at IS NULL
         ORDER BY e.due_at, e.entry_id LIMIT :most)) both_kinds LIMIT :most
), taken AS (
    UPDATE usage_events e SET claims = e.claims + 1, first_tried_at = coalesce(e.first_tried_at, :now)
    FROM due WHERE e.entry_id = due.entry_id AND e.sent_at IS NULL AND e.dead_at IS NULL
    RETURNING e.*, due.first_tried_at AS tried_before)
SELECT t.entry_id::text, t.cost_nanos, t.occurred_at, t.attempts, t.claims, t.key_round, t.renamed, t.tried_before
FROM taken t ORDER BY t.tried_before NULLS LAST, t.entry_id;

-- name: events_sent$
-- Stripe has them; how many that is news of. What was given up as uncertain is certain now; what Stripe cast out stays
-- out.
WITH sent AS (
    UPDATE usage_events SET sent_at = :now, attempts = attempts + 1, last_error = NULL, dead_at = NULL, dead_kind = NULL
    WHERE entry_id = ANY (:entry_ids::uuid[]) AND sent_at IS NULL AND (dead_at IS NULL OR dead_kind = 'uncertain')
    RETURNING cost_nanos
), counted AS (
    UPDATE usage_exports SET sent_events = sent_events + (SELECT count(*) FROM sent),
        sent_nanos = sent_nanos + (SELECT coalesce(sum(cost_nanos), 0) FROM sent)
    WHERE customer_id = :customer_id)
SELECT count(*) FROM sent;

-- name: events_not_sent!
-- As their last try left them, unless somebody else took them in hand since. `unclear`: they may be at Stripe now.
UPDATE usage_events e SET attempts = e.attempts + t.tries, due_at = t.due_at, key_round = t.key_round,
    last_error = coalesce(t.error, e.last_error), dead_at = t.dead_at, dead_kind = t.dead_kind,
    first_tried_at = CASE WHEN t.unclear THEN e.first_tried_at ELSE t.tried_before END
FROM jsonb_to_recordset(:told::jsonb) AS t (entry_id uuid, claims integer, tries integer, due_at timestamptz,
    key_round integer, error text, unclear boolean, tried_before timestamptz, dead_at timestamptz, dead_kind text)
WHERE e.entry_id = t.entry_id AND e.claims = t.claims AND e.sent_at IS NULL AND e.dead_at IS NULL;

-- name: end_turn!
-- A turn that somebody else has meanwhile is not ended.
UPDATE usage_exports SET due_at = :due_at, error = :error,
    failures = CASE WHEN :error::text IS NULL THEN 0 ELSE failures + 1 END
WHERE customer_id = :customer_id AND due_at = :until;

-- name: give_up_old$
-- What Stripe takes no more, a piece at a time.
WITH old AS (
    SELECT e.entry_id FROM usage_events e
    WHERE e.sent_at IS NULL AND e.dead_at IS NULL AND e.occurred_at <= :not_before
    ORDER BY e.occurred_at LIMIT :most FOR UPDATE SKIP LOCKED
), given_up AS (
    UPDATE usage_events e SET dead_at = :now, last_error = coalesce(e.last_error, :reason),
        dead_kind = CASE WHEN e.first_tried_at IS NULL THEN 'too_old' ELSE 'uncertain' END
    FROM old WHERE e.entry_id = old.entry_id RETURNING 1)
SELECT count(*) FROM given_up;

-- name: give_up_uncertain$
-- What may be at Stripe for so long that Stripe would not know a repetition any more.
WITH unclear AS (
    SELECT e.entry_id FROM usage_events e
    WHERE e.sent_at IS NULL AND e.dead_at IS NULL AND e.first_tried_at IS NOT NULL AND e.first_tried_at <= :tried_since
    ORDER BY e.first_tried_at LIMIT :most FOR UPDATE SKIP LOCKED
), given_up AS (
    UPDATE usage_events e SET dead_at = :now, dead_kind = 'uncertain', last_error = coalesce(e.last_error, :reason)
    FROM unclear WHERE e.entry_id = unclear.entry_id RETURNING 1)
SELECT count(*) FROM given_up;

-- name: cast_out^
-- Stripe took the event and found out later that it cannot count it. A report about a former name of it is an old one.
WITH known AS (
    SELECT e.entry_id, e.sent_at FROM usage_events e
    WHERE e.entry_id = :entry_id::uuid AND e.renamed = :renamed
        AND (e.dead_at IS NULL OR e.dead_kind = 'uncertain') FOR UPDATE
), dead AS (
    UPDATE usage_events e SET dead_at = :now, dead_kind = 'reported', sent_at = NULL, last_error = :reason
    FROM known WHERE e.entry_id = known.entry_id
    RETURNING e.customer_id, e.cost_nanos, known.sent_at
), counted AS (
    UPDATE usage_exports x SET sent_events = x.sent_events - 1, sent_nanos = x.sent_nanos - d.cost_nanos
    FROM dead d WHERE x.customer_id = d.customer_id AND d.sent_at IS NOT NULL)
SELECT customer_id FROM dead;

-- name: export_counts^
SELECT coalesce(w.events, 0) AS waiting_events, coalesce(w.nanos, 0)::bigint AS waiting_nanos, w.oldest AS oldest_waiting,
    coalesce(x.sent_events, 0) AS sent_events, coalesce(x.sent_nanos, 0) AS sent_nanos,
    coalesce(d.events, 0) AS dead_events, coalesce(d.nanos, 0)::bigint AS dead_nanos, x.error,
    EXISTS (SELECT 1 FROM billing_accounts a WHERE a.customer_id = :customer_id) AS has_account
FROM (SELECT count(*) AS events, sum(e.cost_nanos) AS nanos, min(e.occurred_at) AS oldest FROM usage_events e
      WHERE e.customer_id = :customer_id AND e.sent_at IS NULL AND e.dead_at IS NULL) w
CROSS JOIN (SELECT count(*) AS events, sum(e.cost_nanos) AS nanos FROM usage_events e
      WHERE e.customer_id = :customer_id AND e.dead_at IS NOT NULL) d
LEFT JOIN usage_exports x ON x.customer_id = :customer_id;

-- name: dead_letters
-- A page, the newest first; the cursor is the last row's (dead_at, entry_id).
SELECT e.entry_id::text, e.customer_id, e.cost_nanos, e.occurred_at, e.attempts, e.first_tried_at, e.dead_at,
    e.dead_kind, e.last_error
FROM usage_events e
WHERE e.customer_id = :customer_id AND e.dead_at IS NOT NULL
    AND (:before::timestamptz IS NULL OR (e.dead_at, e.entry_id) < (:before, :before_id::uuid))
ORDER BY e.dead_at DESC, e.entry_id DESC LIMIT :most;

-- name: dead_letter_for_update^
SELECT e.entry_id::text, e.customer_id, e.cost_nanos, e.occurred_at, e.attempts, e.first_tried_at, e.dead_at,
    e.dead_kind, e.last_error
FROM usage_events e
WHERE e.customer_id = :customer_id AND e.entry_id = :entry_id::uuid AND e.dead_at IS NOT NULL FOR UPDATE;

-- name: revive!
-- It waits again. What Stripe cast out needs another name: Stripe still knows the old one.
UPDATE usage_events SET dead_at = NULL, dead_kind = NULL, due_at = '-infinity', first_tried_at = NULL,
    key_round = key_round + 1, renamed = renamed + CASE WHEN dead_kind = 'reported' THEN 1 ELSE 0 END
WHERE entry_id = :entry_id::uuid AND customer_id = :customer_id AND dead_at IS NOT NULL;

-- name: revive_many$
-- All that Stripe certainly has not counted and would still take.
WITH fit AS (
    SELECT e.entry_id FROM usage_events e
    WHERE e.customer_id = :customer_id AND e.dead_at IS NOT NULL AND e.dead_kind IN ('refused', 'reported')
        AND e.occurred_at > :not_before
    ORDER BY e.dead_at LIMIT :most FOR UPDATE
), revived AS (
    UPDATE usage_events e SET dead_at = NULL, dead_kind = NULL, due_at = '-infinity', first_tried_at = NULL,
        key_round = e.key_round + 1, renamed = e.renamed + CASE WHEN e.dead_kind = 'reported' THEN 1 ELSE 0 END
    FROM fit WHERE e.entry_id = fit.entry_id RETURNING 1)
SELECT count(*) FROM revived;

-- name: dead_letters_of_all
-- The same for whoever looks after the whole installation; there are few, or something is very wrong.
SELECT e.entry_id::text, e.customer_id, e.cost_nanos, e.occurred_at, e.attempts, e.first_tried_at, e.dead_at,
    e.dead_kind, e.last_error
FROM usage_events e WHERE e.dead_at IS NOT NULL ORDER BY e.dead_at DESC, e.entry_id DESC LIMIT :most;

-- name: customer_of_dead_letter$
SELECT e.customer_id FROM usage_events e WHERE e.entry_id = :entry_id::uuid AND e.dead_at IS NOT NULL;

-- name: close_dead_letter!
-- It is dealt with elsewhere: over, and in no count of what was sent.
UPDATE usage_events SET sent_at = :now, dead_at = NULL, dead_kind = NULL, last_error = :reason
WHERE entry_id = :entry_id::uuid AND customer_id = :customer_id AND dead_at IS NOT NULL;
