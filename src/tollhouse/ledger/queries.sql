-- name: reserve^
-- One round trip: every scope or none, judged on locked rows.
SELECT * FROM ledger_reserve(
    :call_id::uuid, :worker_id, :epoch, :kinds::text[], :scope_ids::text[], :amount, :floor, :max_age::interval,
    :customer_id, :key_id, :user_id, :team_id, :provider, :model, :price_version);

-- name: settle
-- A batch of outcomes in one statement; each call is resolved exactly once whatever is repeated.
SELECT call_id::text, outcome, reserved_nanos, cost_nanos, overrun_nanos
FROM ledger_settle(:calls::uuid[], :days::date[], :kinds::text[], :costs::bigint[]);

-- name: register$
SELECT ledger_register(:worker_id);

-- name: heartbeat!
-- Zero rows: another process took this identity.
UPDATE ledger_workers SET seen_at = now() WHERE worker_id = :worker_id AND epoch = :epoch;

-- name: retire!
-- A clean goodbye: nobody waits for this worker's silence before sweeping.
UPDATE ledger_workers SET seen_at = '-infinity' WHERE worker_id = :worker_id AND epoch = :epoch;

-- name: sweep
SELECT * FROM ledger_sweep(:silent_after::interval, :most);

-- name: set_budget!
SELECT ledger_set_budget(:customer_id, :kind, :scope_id, :limit_nanos, :reset::ai_gateway_key_budget_reset);

-- name: balances
-- What stands in the account of the period that the clock says; a period nobody opened yet is empty.
SELECT b.scope_kind, b.scope_id, b.limit_nanos, b.reset::text,
    CASE WHEN b.resets_at <= now() THEN ledger_next_reset(b.reset, now()) ELSE b.resets_at END AS resets_at,
    CASE WHEN b.resets_at <= now() THEN 0 ELSE a.spent_nanos END AS spent_nanos,
    CASE WHEN b.resets_at <= now() THEN 0 ELSE a.held_nanos END AS held_nanos,
    CASE WHEN b.resets_at <= now() THEN 0 ELSE a.doubt_nanos END AS doubt_nanos
FROM ledger_budgets b JOIN ledger_accounts a USING (budget_id, period_seq)
WHERE b.customer_id = :customer_id AND b.scope_kind = :kind AND b.scope_id = ANY (:scope_ids::text[]);

-- name: audit
SELECT budget_id, period_seq, what, amount_nanos FROM ledger_audit LIMIT 1000;
