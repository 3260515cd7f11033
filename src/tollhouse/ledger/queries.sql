-- name: register_worker^
-- The epoch's number and the book's clock, from which the worker's own is set.
SELECT ledger_register(:worker_id, :above::bigint) AS epoch, extract(epoch FROM now())::float8 AS now;

-- name: marks
SELECT epoch, acked_seq, recorded_seq, state FROM ledger_marks WHERE worker_id = :worker_id ORDER BY epoch;

-- name: close_epoch!
SELECT ledger_close_epoch(:worker_id, :caller, :epoch, :exact);

-- name: abandon_epochs!
SELECT ledger_abandon_epochs(:worker_id, :caller, :keep::bigint[]);

-- name: doubt_silent
SELECT worker_id FROM ledger_doubt_silent(:silent_after::interval) AS worker_id;

-- name: mark_recorded!
SELECT ledger_recorded(:worker_id, :caller, :epoch, :seq);

-- name: grant^
-- One round trip for all who wait: every ask is judged on locked rows.
SELECT * FROM ledger_grant(
    :worker_id, :epoch, :number, :budgets::bigint[], :wants::bigint[], :unpriced::boolean[],
    :asks::integer[], :places::integer[], :amounts::bigint[], :floors::bigint[]);

-- name: flush^
-- A batch of the journal in one statement; sent again, it changes nothing. The calls come as JSON: that is made in a
-- tenth of the time that fourteen arrays take, and the event loop waits for it.
WITH c AS (
    SELECT array_agg(x.call) AS calls, array_agg(x.opened) AS opened, array_agg(x.kind) AS kinds,
        array_agg(x.reserved) AS reserved, array_agg(x.cost) AS costs, array_agg(x.customer) AS customers,
        array_agg(x.key) AS keys, array_agg(x."user") AS users, array_agg(x.team) AS teams,
        array_agg(x.provider) AS providers, array_agg(x.model) AS models, array_agg(x.budgets) AS budgets,
        array_agg(x.periods) AS periods, array_agg(x.leased) AS leased
    FROM jsonb_to_recordset(:calls::jsonb) AS x (
        call uuid, opened bigint, kind text, reserved bigint, cost bigint, customer text, key text, "user" text,
        team text, provider text, model text, budgets text, periods text, leased text)
)
SELECT f.acked, f.wanted, f.at FROM c, ledger_flush(
    :worker_id, :caller, :epoch, :after, :through,
    c.calls, c.opened, c.kinds, c.reserved, c.costs, c.customers, c.keys, c.users, c.teams, c.providers, c.models,
    c.budgets, c.periods, c.leased,
    :budgets::bigint[], :periods::integer[], :granted::bigint[], :returned::bigint[]) f;

-- name: bury!
SELECT ledger_bury(
    :worker_id, :caller, :epoch, :after, :seq, :record::bytea, :error, :cost, :reserved,
    :budgets::bigint[], :periods::integer[], :leased::boolean[]);

-- name: set_budget$
SELECT ledger_set_budget(
    :customer_id, :kind, :scope_id, :limit_nanos, :reset::ai_gateway_key_budget_reset, :slot, :model_pattern);

-- name: balances
-- What stands in the account of the period that the clock says; a period nobody opened yet is empty.
SELECT b.scope_kind, b.scope_id, ledger_limit(b, now()) AS limit_nanos, b.reset::text,
    CASE WHEN b.resets_at <= now() THEN ledger_next_reset(b.reset, now()) ELSE b.resets_at END AS resets_at,
    CASE WHEN b.resets_at <= now() THEN 0 ELSE a.spent_nanos END AS spent_nanos,
    CASE WHEN b.resets_at <= now() THEN 0
         ELSE (ledger_committed(a) - a.spent_nanos - a.doubt_nanos)::bigint END AS held_nanos,
    CASE WHEN b.resets_at <= now() THEN 0 ELSE a.doubt_nanos END AS doubt_nanos
FROM ledger_budgets b JOIN ledger_accounts a USING (budget_id, period_seq)
WHERE b.customer_id = :customer_id AND b.scope_kind = :kind AND b.scope_id = ANY (:scope_ids::text[])
    AND b.slot = 'main' AND b.ended_at IS NULL;

-- name: audit
SELECT budget_id, period_seq, what, amount_nanos FROM ledger_audit LIMIT 1000;

-- Limits as people set them -----------------------------------------------------------------------------------

-- name: limits_page
-- In the order in which they were made; of certain scopes, if they are given.
WITH page AS (
    SELECT b.budget_id FROM ledger_budgets b
    WHERE b.customer_id = :customer_id AND b.ended_at IS NULL AND b.budget_id > :after
        AND (:scope_ids::text[] IS NULL OR b.scope_id = ANY (:scope_ids))
    ORDER BY b.budget_id LIMIT :most)
SELECT l.* FROM page JOIN ledger_limits l USING (budget_id) ORDER BY l.budget_id;

-- name: limits_of_scope
SELECT l.* FROM ledger_limits l
WHERE l.customer_id = :customer_id AND l.scope_kind = :kind AND l.scope_id = :scope_id ORDER BY l.budget_id;

-- name: limit_by_id^
SELECT l.* FROM ledger_limits l
WHERE l.customer_id = :customer_id AND l.budget_id = :budget_id;

-- name: set_limits!
SELECT ledger_set_limits(
    :customer_id, :kind, :scope_id, :limits::bigint[], :resets::text[], :models::text[], :thresholds::text[]);

-- name: book_time$
SELECT now();

-- name: raise_limit$
SELECT ledger_raise_limit(:customer_id, :budget_id, :extra, :until);

-- name: claim_events
-- Claimed and read in one statement: whoever gets a row is the only one who has it.
SELECT e.*, now() - e.at AS age, b.scope_kind, b.scope_id, b.reset::text AS reset, b.model_pattern
FROM ledger_claim_events(:most, :hold::interval) e JOIN ledger_budgets b USING (budget_id);

-- name: event_delivered!
SELECT ledger_event_delivered(:id);

-- name: event_failed!
SELECT ledger_event_failed(:id, :error, :wait::interval);

-- Corrections by people --------------------------------------------------------------------------------------

-- name: adjust^
SELECT * FROM ledger_adjust(:customer_id, :call_id::uuid, :cost, :reason, :actor, :again, :request_key);

-- name: adjustment^
SELECT e.entry_id::text, e.call_id::text, e.entry_day, e.key_id, e.user_id, e.team_id, e.provider, e.model,
    e.cost_nanos, e.reason, e.actor, e.created_at
FROM ledger_entries e WHERE e.entry_day = :entry_day AND e.entry_id = :entry_id;

-- name: adjustments
-- Newest first, from the small index of entries that people look after.
SELECT e.entry_id::text, e.call_id::text, e.entry_day, e.key_id, e.user_id, e.team_id, e.provider, e.model,
    e.cost_nanos, e.reason, e.actor, e.created_at
FROM ledger_entries e
WHERE e.customer_id = :customer_id AND e.kind = 'adjust'
    AND (:before::timestamptz IS NULL OR (e.created_at, e.entry_id) < (:before::timestamptz, :before_id::uuid))
ORDER BY e.created_at DESC, e.entry_id DESC LIMIT :most;

-- name: booked
-- What the book charged for calls when they ended; corrections by people are not in it.
SELECT e.call_id::text, e.cost_nanos FROM ledger_entries e
WHERE e.entry_day = ANY (:days::date[]) AND e.entry_id = ANY (:call_ids::uuid[]) AND e.kind <> 'adjust';

-- name: adjusted
-- An adjustment has its call's day: only the partitions of those days are looked at.
SELECT e.call_id::text, sum(e.cost_nanos)::bigint AS nanos FROM ledger_entries e
WHERE e.call_id = ANY (:call_ids::uuid[]) AND e.customer_id = :customer_id AND e.kind = 'adjust'
    AND e.entry_day BETWEEN :first_day AND :last_day
GROUP BY e.call_id;

-- name: release_doubt^
SELECT * FROM ledger_release_doubt(:customer_id, :budget_id, :nanos, :silent_after::interval);

-- Looking at the book ----------------------------------------------------------------------------------------

-- name: audit_of
SELECT budget_id, period_seq, what, amount_nanos FROM ledger_audit_of(:customer_id) LIMIT 1000;

-- name: book_standing^
-- One row, whatever there is. Until the oldest last word of those who hold this customer's money the book is complete.
WITH held AS (
    SELECT l.state, l.granted - l.settled - l.returned AS rest, m.seen_at
    FROM ledger_budgets b JOIN ledger_leases l USING (budget_id) LEFT JOIN ledger_marks m USING (worker_id, epoch)
    WHERE b.customer_id = :customer_id AND l.state <> 'closed'
), buried AS (
    SELECT count(*) AS letters FROM ledger_dead_letters d
    WHERE d.resolved_at IS NULL
        AND EXISTS (SELECT 1 FROM ledger_budgets b WHERE b.budget_id = ANY (d.budgets) AND b.customer_id = :customer_id)
)
SELECT count(*) FILTER (WHERE state = 'active' AND rest > 0) AS leases,
    coalesce(sum(rest) FILTER (WHERE state = 'active'), 0)::bigint AS leased_nanos,
    count(*) FILTER (WHERE state = 'doubt') AS doubtful_leases,
    coalesce(sum(rest) FILTER (WHERE state = 'doubt'), 0)::bigint AS doubt_nanos,
    min(seen_at) FILTER (WHERE rest > 0) AS complete_to,
    (SELECT letters FROM buried) AS letters,
    (SELECT max(day) FROM ledger_seals) AS sealed_through
FROM held;

-- name: in_doubt
-- Calls charged in doubt that nobody looked at yet, leases of workers that are gone or silent, and records that were
-- set aside; newest first. Names of one kind are compared as bytes, the same in every database.
WITH calls AS (
    SELECT 'call' AS kind, e.created_at AS at, e.call_id::text COLLATE "C" AS name, e.cost_nanos AS nanos, e.call_id::text,
        e.key_id, e.provider, e.model, NULL::bigint AS budget_id, NULL::integer AS period_seq, e.worker_id, NULL AS state
    FROM ledger_entries e
    WHERE e.customer_id = :customer_id AND e.kind = 'in_doubt'
        AND (:before::timestamptz IS NULL OR e.created_at <= :before::timestamptz)
        AND NOT EXISTS (SELECT 1 FROM ledger_entries x
            WHERE x.entry_day = e.entry_day AND x.call_id = e.call_id AND x.kind = 'adjust')
        AND (:before::timestamptz IS NULL OR e.created_at < :before::timestamptz
            OR e.call_id::text COLLATE "C" < :before_name)
    ORDER BY e.created_at DESC, name DESC LIMIT :most
), leases AS (
    SELECT 'lease', m.seen_at, concat_ws('.', 'lease', l.worker_id, l.epoch, l.budget_id, l.period_seq) COLLATE "C",
        l.granted - l.settled - l.returned, NULL, CASE b.scope_kind WHEN 'key' THEN b.scope_id END, NULL, NULL,
        l.budget_id, l.period_seq, l.worker_id, m.state
    FROM ledger_budgets b JOIN ledger_leases l USING (budget_id) JOIN ledger_marks m USING (worker_id, epoch)
    WHERE b.customer_id = :customer_id AND l.state = 'doubt'
), letters AS (
    SELECT 'letter', d.buried_at, concat_ws('.', 'letter', d.worker_id, d.epoch, d.seq) COLLATE "C", d.amount_nanos,
        NULL, NULL, NULL, NULL, d.budgets[1], d.periods[1], d.worker_id, NULL
    FROM ledger_dead_letters d
    WHERE d.resolved_at IS NULL
        AND EXISTS (SELECT 1 FROM ledger_budgets b WHERE b.budget_id = ANY (d.budgets) AND b.customer_id = :customer_id)
)
SELECT * FROM (SELECT * FROM calls UNION ALL SELECT * FROM leases UNION ALL SELECT * FROM letters) AS everything
WHERE :before::timestamptz IS NULL OR (at, name) < (:before::timestamptz, :before_name COLLATE "C")
ORDER BY at DESC, name DESC LIMIT :most;

-- name: accounts
-- The account of each budget's running period; every argument may be null.
SELECT b.budget_id, b.customer_id, b.scope_kind, b.scope_id, b.slot, b.model_pattern, b.reset::text, b.resets_at,
    b.ended_at, b.period_seq, ledger_limit(b, now()) AS limit_nanos, a.spent_nanos, a.leased_nanos, a.doubt_nanos,
    a.overrun_nanos
FROM ledger_budgets b JOIN ledger_accounts a USING (budget_id, period_seq)
WHERE (:customer_id::text IS NULL OR b.customer_id = :customer_id)
    AND (:budget_id::bigint IS NULL OR b.budget_id = :budget_id)
    AND (:key_id::text IS NULL OR (b.scope_kind = 'key' AND b.scope_id = :key_id))
ORDER BY b.customer_id, b.budget_id LIMIT :most;

-- name: entries_of_call
SELECT e.*, e.entry_id::text AS entry, e.call_id::text AS call FROM ledger_entries e
WHERE e.call_id = :call_id::uuid ORDER BY e.created_at, e.kind = 'adjust', e.entry_id;

-- Seals ------------------------------------------------------------------------------------------------------

-- name: lock_seals$
-- One process seals at a time; the others need not wait for it.
SELECT pg_try_advisory_xact_lock(hashtext('ledger_seals'));

-- name: day_to_seal$
SELECT ledger_day_to_seal();

-- name: newest_seal^
SELECT day, entries, sum_nanos, previous_hash, hash FROM ledger_seals ORDER BY day DESC LIMIT 1;

-- name: seals
SELECT day, entries, sum_nanos, previous_hash, hash FROM ledger_seals ORDER BY day;

-- name: seal!
SELECT ledger_seal(:day, :entries, :sum_nanos, :previous_hash, :hash);

-- name: lines
-- Entries as a seal reads them, from an index in this order: nothing is sorted and nothing held back.
SELECT (e.created_at AT TIME ZONE 'UTC')::date AS day, e.cost_nanos, e.budgets, e.periods,
    convert_to(ledger_entry_line(e), 'UTF8') AS line
FROM ledger_entries e WHERE e.created_at >= :since AND e.created_at < :until ORDER BY e.created_at, e.entry_id;

-- name: read_at_length^
-- For this transaction only: time for a whole book, and entries straight from the index instead of a sort, which would
-- have to hold a day before its first line comes.
SELECT set_config('statement_timeout', '0', true), set_config('enable_sort', 'off', true),
    set_config('enable_bitmapscan', 'off', true);

-- name: spent_of_all
SELECT budget_id, period_seq, spent_nanos FROM ledger_accounts;
