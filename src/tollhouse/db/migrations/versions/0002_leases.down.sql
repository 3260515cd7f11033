-- Back to the first form of the ledger. Leases, extra budgets and what stands in doubt go: for development only.
DROP VIEW ledger_audit;
DROP TRIGGER ledger_budgets_tell_permits ON ledger_budgets;
DROP FUNCTION ledger_bury, ledger_flush, ledger_begin_flush, ledger_cross, ledger_book, ledger_reassert,
    ledger_open_forgotten, ledger_grant, ledger_want, ledger_judge, ledger_recorded, ledger_doubt_silent, ledger_doubt,
    ledger_abandon_epochs, ledger_close_epoch, ledger_pass_leases, ledger_open_mark, ledger_fence, ledger_register,
    ledger_tell_permits, ledger_end_budget, ledger_set_budget, ledger_heighten, ledger_lock, ledger_committed,
    ledger_limit;
DROP TABLE ledger_events, ledger_dead_letters, ledger_leases, ledger_marks;
DELETE FROM ledger_accounts a USING ledger_budgets b WHERE b.budget_id = a.budget_id AND b.slot <> 'main';
DELETE FROM ledger_budgets WHERE slot <> 'main';
ALTER TABLE ledger_entries DROP seq;
UPDATE ledger_accounts SET doubt_nanos = 0;
ALTER TABLE ledger_accounts DROP leased_nanos, DROP fired;
DROP INDEX ledger_budgets_noticed_idx;
ALTER TABLE ledger_budgets
    DROP CONSTRAINT ledger_budgets_identity_key,
    DROP slot, DROP model_pattern, DROP ended_at, DROP raise_nanos, DROP raise_until, DROP thresholds,
    DROP wanted_at, DROP changed_at,
    ADD CONSTRAINT ledger_budgets_scope_kind_scope_id_key UNIQUE (scope_kind, scope_id);

-- Opens the period that the clock says, if the budget is still in an older one. The caller holds the row's lock.
CREATE OR REPLACE FUNCTION ledger_roll(p_budget_id bigint, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE b ledger_budgets;
BEGIN
    UPDATE ledger_budgets SET period_seq = period_seq + 1, resets_at = ledger_next_reset(reset, p_now)
        WHERE budget_id = p_budget_id AND resets_at <= p_now RETURNING * INTO b;
    IF NOT FOUND THEN RETURN; END IF;
    INSERT INTO ledger_accounts (budget_id, period_seq, limit_nanos, opened_at, closes_at)
        VALUES (b.budget_id, b.period_seq, b.limit_nanos, p_now, b.resets_at);
    UPDATE ai_gateway_keys SET spend_usd = 0, spend_reset_at = b.resets_at
        WHERE b.scope_kind = 'key' AND id = b.scope_id;
END $$;

-- Creates or changes the budget of a scope. What is spent and held in the running period stays.
CREATE FUNCTION ledger_set_budget(
    p_customer_id text, p_kind text, p_scope_id text, p_limit bigint, p_reset ai_gateway_key_budget_reset
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE b ledger_budgets;
BEGIN
    INSERT INTO ledger_budgets (customer_id, scope_kind, scope_id, limit_nanos, reset, resets_at)
        VALUES (p_customer_id, p_kind, p_scope_id, p_limit, p_reset, ledger_next_reset(p_reset, now()))
        ON CONFLICT (scope_kind, scope_id) DO NOTHING;
    SELECT * INTO b FROM ledger_budgets WHERE (scope_kind, scope_id) = (p_kind, p_scope_id) FOR UPDATE;
    PERFORM ledger_roll(b.budget_id, now());
    UPDATE ledger_budgets SET limit_nanos = p_limit, reset = p_reset, resets_at = ledger_next_reset(p_reset, now())
        WHERE budget_id = b.budget_id RETURNING * INTO b;
    INSERT INTO ledger_accounts AS a (budget_id, period_seq, limit_nanos, closes_at)
        VALUES (b.budget_id, b.period_seq, p_limit, b.resets_at)
        ON CONFLICT (budget_id, period_seq) DO UPDATE SET
            limit_nanos = CASE WHEN p_limit IS NULL OR a.limit_nanos IS NULL THEN NULL
                               ELSE greatest(a.limit_nanos, p_limit) END,
            closes_at = b.resets_at;
    UPDATE ai_gateway_keys SET spend_reset_at = b.resets_at WHERE p_kind = 'key' AND id = p_scope_id;
END $$;

-- What a key row shows of its account (spend, last use); never read to decide, clamped so that it cannot overflow.
CREATE OR REPLACE FUNCTION ledger_project_keys(p_budgets bigint[]) RETURNS void LANGUAGE sql AS $$
    UPDATE ai_gateway_keys k
    SET spend_usd = least(round(greatest(a.spent_nanos, 0) / 1e9::numeric, 4), 999999.9999), last_used_at = now()
    FROM ledger_budgets b JOIN ledger_accounts a USING (budget_id, period_seq)
    WHERE b.budget_id = ANY (p_budgets) AND b.scope_kind = 'key' AND k.id = b.scope_id
$$;

-- Sets money aside on every budget of the scopes, or on none. Grants `p_amount`, or what is left if that is at
-- least `p_floor`; a null amount has no price and passes only where no scope has a limit. Budgets are locked in id order and judged on the locked values: no overspend, no deadlock.
-- Repeating a call_id answers with the hold that exists. One row comes back: the tightest scope, and `granted`
-- (null when refused: nothing was changed).
CREATE OR REPLACE FUNCTION ledger_reserve(
    p_call_id uuid, p_worker_id text, p_epoch bigint, p_kinds text[], p_scope_ids text[],
    p_amount bigint, p_floor bigint, p_max_age interval,
    p_customer_id text, p_key_id text, p_user_id text, p_team_id text,
    p_provider text, p_model text, p_price_version text
) RETURNS TABLE (
    granted bigint, budgeted boolean, scope_kind text, scope_id text, limit_nanos bigint, spent_nanos bigint,
    held_nanos bigint, doubt_nanos bigint, resets_at timestamptz, opened_day date
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    b ledger_budgets; a ledger_accounts; left_over bigint; least_left bigint := NULL;
    ids bigint[] := '{}'; seqs integer[] := '{}';
BEGIN
    budgeted := false;
    SELECT h.amount_nanos, (h.opened_at AT TIME ZONE 'UTC')::date INTO granted, opened_day
        FROM ledger_holds h WHERE h.call_id = p_call_id;
    IF FOUND THEN RETURN NEXT; RETURN; END IF;
    FOR b IN
        SELECT x.* FROM ledger_budgets x
        WHERE (x.scope_kind, x.scope_id) IN (SELECT * FROM unnest(p_kinds, p_scope_ids))
        ORDER BY x.budget_id FOR UPDATE
    LOOP
        IF b.resets_at <= now() THEN
            PERFORM ledger_roll(b.budget_id, now());
            SELECT * INTO b FROM ledger_budgets x WHERE x.budget_id = b.budget_id;
        END IF;
        SELECT * INTO a FROM ledger_accounts x WHERE (x.budget_id, x.period_seq) = (b.budget_id, b.period_seq);
        ids := ids || b.budget_id; seqs := seqs || b.period_seq;
        CONTINUE WHEN b.limit_nanos IS NULL;
        left_over := b.limit_nanos - a.spent_nanos - a.held_nanos - a.doubt_nanos;
        IF least_left IS NULL OR left_over < least_left THEN
            least_left := left_over; budgeted := true; scope_kind := b.scope_kind; scope_id := b.scope_id;
            limit_nanos := b.limit_nanos; spent_nanos := a.spent_nanos; held_nanos := a.held_nanos;
            doubt_nanos := a.doubt_nanos; resets_at := b.resets_at;
        END IF;
    END LOOP;
    IF least_left < p_floor OR (budgeted AND p_amount IS NULL) THEN RETURN NEXT; RETURN; END IF;
    granted := coalesce(least(p_amount, least_left), 0);
    opened_day := (now() AT TIME ZONE 'UTC')::date;
    UPDATE ledger_accounts x SET held_nanos = x.held_nanos + granted
        FROM unnest(ids, seqs) AS t (id, seq) WHERE (x.budget_id, x.period_seq) = (t.id, t.seq);
    INSERT INTO ledger_holds (call_id, worker_id, epoch, amount_nanos, budgets, periods, customer_id, key_id,
                              user_id, team_id, provider, model, price_version, expires_at)
        VALUES (p_call_id, p_worker_id, p_epoch, granted, ids, seqs, p_customer_id, p_key_id,
                p_user_id, p_team_id, p_provider, p_model, p_price_version, now() + p_max_age);
    RETURN NEXT;
END $$;

-- Takes an identity and fences its former holder: what an older epoch left is charged by the next sweep.
CREATE FUNCTION ledger_register(p_worker_id text) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO ledger_workers (worker_id, epoch) VALUES (p_worker_id, 1)
    ON CONFLICT (worker_id) DO UPDATE SET epoch = ledger_workers.epoch + 1, seen_at = now() RETURNING epoch
$$;

-- Must return no row at any moment. `amount_nanos` is how much is wrong.
CREATE VIEW ledger_audit AS
WITH held AS (
    SELECT u.b, u.p, sum(h.amount_nanos) AS nanos FROM ledger_holds h, unnest(h.budgets, h.periods) AS u (b, p) GROUP BY 1, 2
), spent AS (
    SELECT u.b, u.p, sum(e.cost_nanos) AS nanos FROM ledger_entries e, unnest(e.budgets, e.periods) AS u (b, p) GROUP BY 1, 2
)
SELECT a.budget_id, a.period_seq, 'held differs from holds' AS what, a.held_nanos - coalesce(h.nanos, 0) AS amount_nanos
FROM ledger_accounts a LEFT JOIN held h ON (h.b, h.p) = (a.budget_id, a.period_seq) WHERE a.held_nanos <> coalesce(h.nanos, 0)
UNION ALL
SELECT a.budget_id, a.period_seq, 'spent differs from entries', a.spent_nanos - coalesce(s.nanos, 0)
FROM ledger_accounts a LEFT JOIN spent s ON (s.b, s.p) = (a.budget_id, a.period_seq) WHERE a.spent_nanos <> coalesce(s.nanos, 0)
UNION ALL
SELECT budget_id, period_seq, 'over the limit', spent_nanos + held_nanos + doubt_nanos - overrun_nanos - limit_nanos
FROM ledger_accounts WHERE spent_nanos + held_nanos + doubt_nanos - overrun_nanos > limit_nanos
UNION ALL
SELECT NULL, NULL, 'entries for one call: ' || call_id, count(*) FROM ledger_entries WHERE kind <> 'adjust'
GROUP BY call_id HAVING count(*) > 1;
