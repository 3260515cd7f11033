-- Both forms side by side again. Development only: holds that were charged stay charged.
DROP VIEW ledger_audit;
ALTER TABLE ledger_accounts ADD held_nanos bigint NOT NULL DEFAULT 0 CHECK (held_nanos >= 0);

-- All that stands against an account's limit.
CREATE OR REPLACE FUNCTION ledger_committed(a ledger_accounts) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT a.spent_nanos::numeric + a.held_nanos + a.leased_nanos + a.doubt_nanos
$$;

-- Money set aside for a call before it is sent. Owned by (worker, epoch); gone when the call is resolved.
CREATE TABLE ledger_holds (
    call_id uuid PRIMARY KEY,
    worker_id text NOT NULL,
    epoch bigint NOT NULL,
    amount_nanos bigint NOT NULL CHECK (amount_nanos >= 0),
    budgets bigint[] NOT NULL,
    periods integer[] NOT NULL,
    customer_id text NOT NULL,
    key_id text NOT NULL,
    user_id text,
    team_id text,
    provider text NOT NULL,
    model text NOT NULL,
    price_version text,
    opened_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX ledger_holds_owner_idx ON ledger_holds (worker_id, epoch);

-- Sets money aside on every budget of the scopes, or on none. Grants `p_amount`, or what is left if that is at
-- least `p_floor`; a null amount has no price and passes only where no scope has a limit. Budgets are locked in id order and judged on the locked values: no overspend, no deadlock.
-- Repeating a call_id answers with the hold that exists. One row comes back: the tightest scope, and `granted`
-- (null when refused: nothing was changed).
CREATE FUNCTION ledger_reserve(
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
        WHERE (x.scope_kind, x.scope_id) IN (SELECT * FROM unnest(p_kinds, p_scope_ids)) AND x.slot = 'main'
        ORDER BY x.budget_id FOR UPDATE
    LOOP
        IF b.resets_at <= now() THEN
            PERFORM ledger_roll(b.budget_id, now());
            SELECT * INTO b FROM ledger_budgets x WHERE x.budget_id = b.budget_id;
        END IF;
        SELECT * INTO a FROM ledger_accounts x WHERE (x.budget_id, x.period_seq) = (b.budget_id, b.period_seq);
        ids := ids || b.budget_id; seqs := seqs || b.period_seq;
        CONTINUE WHEN b.limit_nanos IS NULL;
        left_over := b.limit_nanos - ledger_committed(a);
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

-- Resolves holds, each exactly once: the hold's row is the claim. `kinds` are entry kinds or 'void' (nothing was
-- sent: the money goes back and there is no entry). A call whose hold is gone is either resolved already
-- ('repeated') or was charged in doubt meanwhile; then what is now known is booked as an adjustment ('adjusted').
CREATE FUNCTION ledger_settle(p_calls uuid[], p_days date[], p_kinds text[], p_costs bigint[])
RETURNS TABLE (
    call_id uuid, outcome text, reserved_nanos bigint, cost_nanos bigint, overrun_nanos bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE touched bigint[]; late boolean;
BEGIN
    -- Lock order everywhere: holds, then budgets by id.
    SELECT count(*) < cardinality(p_calls) INTO late FROM (
        SELECT 1 FROM ledger_holds h WHERE h.call_id = ANY (p_calls) ORDER BY h.call_id FOR UPDATE) held;
    -- Entries are only looked at when a hold is gone: `late` is known before, so the book is not searched otherwise.
    SELECT array_agg(DISTINCT u.b) INTO touched FROM (
        SELECT unnest(h.budgets) AS b FROM ledger_holds h WHERE h.call_id = ANY (p_calls)
        UNION ALL
        SELECT unnest(e.budgets) FROM ledger_entries e
            WHERE late AND e.entry_day = ANY (p_days) AND e.entry_id = ANY (p_calls) AND e.kind = 'in_doubt'
    ) u;
    PERFORM 1 FROM ledger_budgets b WHERE b.budget_id = ANY (touched) ORDER BY b.budget_id FOR UPDATE;
    RETURN QUERY
    WITH asked AS (
        SELECT DISTINCT ON (t.call) t.* FROM unnest(p_calls, p_days, p_kinds, p_costs) AS t (call, day, kind, cost)
    ), gone AS (
        DELETE FROM ledger_holds h USING asked WHERE h.call_id = asked.call
        RETURNING h.*, asked.kind, asked.cost
    ), booked AS (
        INSERT INTO ledger_entries (entry_day, entry_id, call_id, kind, reserved_nanos, cost_nanos, overrun_nanos,
            budgets, periods, customer_id, key_id, user_id, team_id, provider, model, worker_id, epoch)
        SELECT (g.opened_at AT TIME ZONE 'UTC')::date, g.call_id, g.call_id, g.kind, g.amount_nanos, g.cost,
            greatest(g.cost - g.amount_nanos, 0), g.budgets, g.periods, g.customer_id, g.key_id, g.user_id,
            g.team_id, g.provider, g.model, g.worker_id, g.epoch
        FROM gone g WHERE g.kind <> 'void'
        RETURNING ledger_entries.*
    ), doubted AS ( -- charged in doubt by a sweep, and now the truth arrives: book the difference
        SELECT e.*, asked.kind AS known_kind, CASE WHEN asked.kind = 'void' THEN 0 ELSE asked.cost END AS known
        FROM asked JOIN ledger_entries e ON e.entry_day = asked.day AND e.entry_id = asked.call AND e.kind = 'in_doubt'
        WHERE late AND e.entry_day = ANY (p_days) AND e.entry_id = ANY (p_calls)
          AND asked.kind <> 'in_doubt' AND NOT EXISTS (
            SELECT 1 FROM ledger_entries x WHERE x.call_id = asked.call AND x.kind = 'adjust')
    ), adjusted AS (
        INSERT INTO ledger_entries (entry_day, entry_id, call_id, kind, reserved_nanos, cost_nanos, budgets, periods,
            customer_id, key_id, user_id, team_id, provider, model, worker_id, epoch, reason, actor)
        SELECT d.entry_day, gen_random_uuid(), d.call_id, 'adjust', 0, d.known - d.cost_nanos, d.budgets, d.periods,
            d.customer_id, d.key_id, d.user_id, d.team_id, d.provider, d.model, d.worker_id, d.epoch,
            'the outcome became known after the call was charged in doubt', 'ledger'
        FROM doubted d
        RETURNING ledger_entries.*
    ), moves AS (
        SELECT u.b, u.p, sum(m.freed)::bigint AS freed, sum(m.cost)::bigint AS cost, sum(m.over)::bigint AS over
        FROM (
            SELECT g.budgets, g.periods, g.amount_nanos AS freed,
                CASE WHEN g.kind = 'void' THEN 0 ELSE g.cost END AS cost,
                CASE WHEN g.kind = 'void' THEN 0 ELSE greatest(g.cost - g.amount_nanos, 0) END AS over FROM gone g
            UNION ALL SELECT a.budgets, a.periods, 0, a.cost_nanos, 0 FROM adjusted a
        ) m, unnest(m.budgets, m.periods) AS u (b, p) GROUP BY 1, 2
    ), moved AS (
        UPDATE ledger_accounts x SET held_nanos = x.held_nanos - m.freed, spent_nanos = x.spent_nanos + m.cost,
            overrun_nanos = x.overrun_nanos + m.over
        FROM moves m WHERE (x.budget_id, x.period_seq) = (m.b, m.p)
    )
    SELECT asked.call,
        CASE WHEN g.call_id IS NOT NULL THEN CASE g.kind WHEN 'void' THEN 'voided' ELSE 'booked' END
             WHEN a.call_id IS NOT NULL THEN 'adjusted' ELSE 'repeated' END,
        coalesce(g.amount_nanos, 0), coalesce(b.cost_nanos, a.cost_nanos, 0), coalesce(b.overrun_nanos, 0)
    FROM asked LEFT JOIN gone g ON g.call_id = asked.call LEFT JOIN booked b ON b.call_id = asked.call
        LEFT JOIN adjusted a ON a.call_id = asked.call;
    PERFORM ledger_project_keys(touched);
END $$;

-- Charges, in full and flagged, the holds that nobody will settle: their worker was replaced or fell silent, or
-- they are older than any call may be. Never gives money back: nobody knows whether the call was sent.
CREATE FUNCTION ledger_sweep(p_silent_after interval, p_most integer) RETURNS SETOF ledger_holds
LANGUAGE plpgsql AS $$
DECLARE lost ledger_holds[];
BEGIN
    SELECT array_agg(h) INTO lost FROM (
        SELECT h.* FROM ledger_holds h LEFT JOIN ledger_workers w USING (worker_id)
        WHERE w.worker_id IS NULL OR h.epoch < w.epoch OR w.seen_at < now() - p_silent_after OR h.expires_at < now()
        ORDER BY h.call_id LIMIT p_most FOR UPDATE OF h SKIP LOCKED
    ) h;
    IF lost IS NULL THEN RETURN; END IF;
    PERFORM ledger_settle(
        array_agg(l.call_id), array_agg((l.opened_at AT TIME ZONE 'UTC')::date),
        array_agg('in_doubt'::text), array_agg(l.amount_nanos)
    ) FROM unnest(lost) l;
    RETURN QUERY SELECT * FROM unnest(lost);
END $$;

-- Must return no row at any moment. `amount_nanos` is how much is wrong.
CREATE VIEW ledger_audit AS
WITH held AS (
    SELECT u.b, u.p, sum(h.amount_nanos) AS nanos FROM ledger_holds h, unnest(h.budgets, h.periods) AS u (b, p)
    GROUP BY 1, 2
), leased AS (
    SELECT budget_id AS b, period_seq AS p, sum(granted - settled - returned) FILTER (WHERE state = 'active') AS active,
        sum(granted - settled - returned) FILTER (WHERE state = 'doubt') AS doubt
    FROM ledger_leases WHERE state <> 'closed' GROUP BY 1, 2
), buried AS (
    SELECT u.b, u.p, sum(d.amount_nanos) AS nanos FROM ledger_dead_letters d, unnest(d.budgets, d.periods) AS u (b, p)
    WHERE d.resolved_at IS NULL GROUP BY 1, 2
), spent AS (
    SELECT u.b, u.p, sum(e.cost_nanos) AS nanos FROM ledger_entries e, unnest(e.budgets, e.periods) AS u (b, p)
    GROUP BY 1, 2
)
SELECT a.budget_id, a.period_seq, c.what, c.amount_nanos
FROM ledger_accounts a LEFT JOIN held h ON (h.b, h.p) = (a.budget_id, a.period_seq)
    LEFT JOIN leased l ON (l.b, l.p) = (a.budget_id, a.period_seq)
    LEFT JOIN buried d ON (d.b, d.p) = (a.budget_id, a.period_seq)
    LEFT JOIN spent s ON (s.b, s.p) = (a.budget_id, a.period_seq),
    LATERAL (VALUES
        ('held differs from holds', a.held_nanos - coalesce(h.nanos, 0)),
        ('leased differs from leases', a.leased_nanos - coalesce(l.active, 0)),
        ('doubt differs from what is doubted', a.doubt_nanos - coalesce(l.doubt, 0) - coalesce(d.nanos, 0)),
        ('spent differs from entries', a.spent_nanos - coalesce(s.nanos, 0)),
        ('over the limit', greatest(ledger_committed(a) - a.overrun_nanos - a.limit_nanos, 0))
    ) AS c (what, amount_nanos)
WHERE c.amount_nanos <> 0
UNION ALL
SELECT budget_id, period_seq, 'a closed lease has a rest', granted - settled - returned
FROM ledger_leases WHERE state = 'closed' AND granted <> settled + returned
UNION ALL
SELECT NULL, NULL, 'entries for one call: ' || call_id, count(*) FROM ledger_entries WHERE kind <> 'adjust'
GROUP BY call_id HAVING count(*) > 1;
