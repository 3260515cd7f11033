-- Leases: a worker is granted money of a budget ahead of its calls, and tells in batches what became of it.
--
-- Lock order, everywhere: ledger_workers (FOR SHARE) -> ledger_marks -> ledger_budgets by id -> leases and accounts
-- (which only change under their budget's lock) -> the key's row. What fits is judged on locked rows only.
-- Time is now(), of the database. SQLSTATE TH001: this life of the worker was replaced. TH002: the book lacks what
-- was flushed before; the detail is the last number it has. TH003: unknown budgets; the detail names them.

ALTER TABLE ledger_budgets
    ADD slot text NOT NULL DEFAULT 'main',             -- a scope may have several budgets; 'main' shows on the key
    ADD model_pattern text NOT NULL DEFAULT '',        -- as in allow-lists; '' is every model
    ADD ended_at timestamptz,                          -- removed: limits nothing; its book stays
    ADD raise_nanos bigint NOT NULL DEFAULT 0 CHECK (raise_nanos >= 0),
    ADD raise_until timestamptz,                       -- the raise counts until then; null: not at all
    ADD thresholds smallint[] NOT NULL DEFAULT '{50,80,95}' CHECK (0 < ALL (thresholds)),
    ADD wanted_at timestamptz,                         -- somebody waits for money that others hold
    ADD changed_at timestamptz,
    DROP CONSTRAINT ledger_budgets_scope_kind_scope_id_key,
    ADD CONSTRAINT ledger_budgets_identity_key UNIQUE (scope_kind, scope_id, slot);
CREATE INDEX ledger_budgets_noticed_idx ON ledger_budgets (greatest(wanted_at, changed_at));

ALTER TABLE ledger_accounts
    ADD leased_nanos bigint NOT NULL DEFAULT 0 CHECK (leased_nanos >= 0), -- sum of the rests of active leases
    ADD fired smallint NOT NULL DEFAULT 0;                                -- the highest threshold told in the period

ALTER TABLE ledger_entries ADD seq bigint; -- the last journal record of the batch that brought the entry

-- How far the book has the journal of one life of a worker.
CREATE TABLE ledger_marks (
    worker_id text NOT NULL,
    epoch bigint NOT NULL,
    acked_seq bigint NOT NULL DEFAULT 0,    -- its money is booked up to here
    recorded_seq bigint NOT NULL DEFAULT 0, -- receipts and spans are written up to here
    grant_number bigint NOT NULL DEFAULT 0, -- the last order that was granted
    seen_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'silent', 'closed')),
    PRIMARY KEY (worker_id, epoch)
) WITH (fillfactor = 50);
CREATE INDEX ledger_marks_live_idx ON ledger_marks (worker_id) WHERE state = 'live';

-- Money of one account in one worker's hands. The counters only grow; what is left of `granted` is the rest.
CREATE TABLE ledger_leases (
    worker_id text NOT NULL,
    epoch bigint NOT NULL,
    budget_id bigint NOT NULL,
    period_seq integer NOT NULL,
    granted bigint NOT NULL DEFAULT 0,
    settled bigint NOT NULL DEFAULT 0 CHECK (settled >= 0),
    returned bigint NOT NULL DEFAULT 0 CHECK (returned >= 0),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'doubt', 'closed')),
    PRIMARY KEY (worker_id, epoch, budget_id, period_seq),
    FOREIGN KEY (budget_id, period_seq) REFERENCES ledger_accounts,
    CHECK (granted - settled - returned >= 0)
) WITH (fillfactor = 50);
CREATE INDEX ledger_leases_holders_idx ON ledger_leases (budget_id, period_seq) WHERE state <> 'closed';

-- Records that no flush takes, for a person to look at. Until resolved, `amount_nanos` is in doubt on each account.
CREATE TABLE ledger_dead_letters (
    worker_id text NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    record bytea NOT NULL,
    error text NOT NULL,
    amount_nanos bigint NOT NULL CHECK (amount_nanos >= 0),
    budgets bigint[] NOT NULL,
    periods integer[] NOT NULL,
    buried_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    PRIMARY KEY (worker_id, epoch, seq)
);

-- Thresholds that spending crossed, each once a period: an outbox.
CREATE TABLE ledger_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id text NOT NULL,
    budget_id bigint NOT NULL,
    period_seq integer NOT NULL,
    percent smallint NOT NULL,
    spent_nanos bigint NOT NULL,
    limit_nanos bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL DEFAULT now(),
    last_error text,
    UNIQUE (budget_id, period_seq, percent)
);
CREATE INDEX ledger_events_undelivered_idx ON ledger_events (next_try_at) WHERE delivered_at IS NULL;

-- Budgets ---------------------------------------------------------------------------------------------------

-- The limit at a moment. Null: nothing is refused. Capped, so that no sum with it overflows.
CREATE FUNCTION ledger_limit(b ledger_budgets, p_now timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN b.ended_at IS NULL AND b.limit_nanos IS NOT NULL THEN
        least(b.limit_nanos::numeric + CASE WHEN b.raise_until > p_now THEN b.raise_nanos ELSE 0 END,
              9000000000000000000)::bigint
    END
$$;

-- All that stands against an account's limit.
CREATE FUNCTION ledger_committed(a ledger_accounts) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT a.spent_nanos::numeric + a.held_nanos + a.leased_nanos + a.doubt_nanos
$$;

-- Opens the period that the clock says, if the budget is still in an older one. The caller holds the row's lock.
CREATE OR REPLACE FUNCTION ledger_roll(p_budget_id bigint, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE b ledger_budgets;
BEGIN
    UPDATE ledger_budgets SET period_seq = period_seq + 1, resets_at = ledger_next_reset(reset, p_now)
        WHERE budget_id = p_budget_id AND resets_at <= p_now RETURNING * INTO b;
    IF NOT FOUND THEN RETURN; END IF;
    INSERT INTO ledger_accounts (budget_id, period_seq, limit_nanos, opened_at, closes_at)
        VALUES (b.budget_id, b.period_seq, ledger_limit(b, p_now), p_now, b.resets_at) ON CONFLICT DO NOTHING;
    UPDATE ai_gateway_keys SET spend_usd = 0, spend_reset_at = b.resets_at
        WHERE b.scope_kind = 'key' AND b.slot = 'main' AND id = b.scope_id;
END $$;

-- Locks budgets in the one order and brings them to the period that the clock says.
CREATE FUNCTION ledger_lock(p_budgets bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM ledger_budgets WHERE budget_id = ANY (p_budgets) ORDER BY budget_id FOR UPDATE;
    PERFORM ledger_roll(budget_id, now()) FROM ledger_budgets WHERE budget_id = ANY (p_budgets) AND resets_at <= now();
END $$;

-- An account remembers the highest limit of its period; null: at some moment there was none.
CREATE FUNCTION ledger_heighten(p_budgets bigint[]) RETURNS void LANGUAGE sql AS $$
    UPDATE ledger_accounts a SET limit_nanos = ledger_limit(b, now()) FROM ledger_budgets b
    WHERE b.budget_id = ANY (p_budgets) AND (a.budget_id, a.period_seq) = (b.budget_id, b.period_seq)
      AND (ledger_limit(b, now()) > a.limit_nanos OR (ledger_limit(b, now()) IS NULL AND a.limit_nanos IS NOT NULL))
$$;

-- Creates or changes a budget, also one that had ended. What is spent and leased in the running period stays.
DROP FUNCTION ledger_set_budget(text, text, text, bigint, ai_gateway_key_budget_reset);
CREATE FUNCTION ledger_set_budget(
    p_customer_id text, p_kind text, p_scope_id text, p_limit bigint, p_reset ai_gateway_key_budget_reset,
    p_slot text DEFAULT 'main', p_model_pattern text DEFAULT ''
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE b ledger_budgets;
BEGIN
    INSERT INTO ledger_budgets (customer_id, scope_kind, scope_id, slot, model_pattern, limit_nanos, reset, resets_at)
        VALUES (p_customer_id, p_kind, p_scope_id, p_slot, p_model_pattern, p_limit, p_reset,
                ledger_next_reset(p_reset, now()))
        ON CONFLICT (scope_kind, scope_id, slot) DO NOTHING;
    SELECT * INTO b FROM ledger_budgets x
        WHERE (x.scope_kind, x.scope_id, x.slot) = (p_kind, p_scope_id, p_slot) FOR UPDATE;
    PERFORM ledger_roll(b.budget_id, now());
    UPDATE ledger_budgets SET limit_nanos = p_limit, reset = p_reset, resets_at = ledger_next_reset(p_reset, now()),
        model_pattern = p_model_pattern, ended_at = NULL, changed_at = now()
        WHERE budget_id = b.budget_id RETURNING * INTO b;
    INSERT INTO ledger_accounts AS a (budget_id, period_seq, limit_nanos, closes_at)
        VALUES (b.budget_id, b.period_seq, ledger_limit(b, now()), b.resets_at)
        ON CONFLICT (budget_id, period_seq) DO UPDATE SET closes_at = b.resets_at;
    PERFORM ledger_heighten(ARRAY[b.budget_id]);
    UPDATE ai_gateway_keys SET spend_reset_at = b.resets_at
        WHERE p_kind = 'key' AND p_slot = 'main' AND id = p_scope_id;
    PERFORM pg_notify('tollhouse_ledger', 'changed:' || b.budget_id);
    RETURN b.budget_id;
END $$;

-- Removes a budget: it limits nothing any more. Ending it again changes nothing.
CREATE FUNCTION ledger_end_budget(p_budget_id bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_lock(ARRAY[p_budget_id]);
    UPDATE ledger_budgets SET ended_at = now(), changed_at = now() WHERE budget_id = p_budget_id AND ended_at IS NULL;
    IF NOT FOUND THEN RETURN; END IF;
    PERFORM ledger_heighten(ARRAY[p_budget_id]);
    PERFORM pg_notify('tollhouse_ledger', 'changed:' || p_budget_id);
END $$;

-- Permits name the budgets that a call counts in: whoever remembers some of this customer must ask again.
CREATE FUNCTION ledger_tell_permits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR (OLD.ended_at, OLD.model_pattern) IS DISTINCT FROM (NEW.ended_at, NEW.model_pattern) THEN
        PERFORM pg_notify('tollhouse_permits', NEW.customer_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_budgets_tell_permits AFTER INSERT OR UPDATE OF ended_at, model_pattern ON ledger_budgets
    FOR EACH ROW EXECUTE FUNCTION ledger_tell_permits();

-- What a key row shows of its main account; never read to decide, clamped so that it cannot overflow.
CREATE OR REPLACE FUNCTION ledger_project_keys(p_budgets bigint[]) RETURNS void LANGUAGE sql AS $$
    UPDATE ai_gateway_keys k
    SET spend_usd = least(round(greatest(a.spent_nanos, 0) / 1e9::numeric, 4), 999999.9999), last_used_at = now()
    FROM ledger_budgets b JOIN ledger_accounts a USING (budget_id, period_seq)
    WHERE b.budget_id = ANY (p_budgets) AND b.scope_kind = 'key' AND b.slot = 'main' AND k.id = b.scope_id
$$;

-- Workers ---------------------------------------------------------------------------------------------------

-- Begins a new life of a worker and fences the older ones. `p_above`: the highest epoch its journal has seen, which
-- a database that forgot commits may not know.
DROP FUNCTION ledger_register(text);
CREATE FUNCTION ledger_register(p_worker text, p_above bigint DEFAULT 0) RETURNS bigint LANGUAGE sql AS $$
    WITH life AS (
        INSERT INTO ledger_workers AS w (worker_id, epoch) VALUES (p_worker, p_above + 1)
        ON CONFLICT (worker_id) DO UPDATE SET epoch = greatest(w.epoch, p_above) + 1, seen_at = now() RETURNING epoch
    )
    INSERT INTO ledger_marks (worker_id, epoch) SELECT p_worker, epoch FROM life RETURNING epoch
$$;

-- Lets the newest life of a worker pass and keeps a newer one from beginning until the transaction ends. A database
-- that forgot the registration learns it again.
CREATE FUNCTION ledger_fence(p_worker text, p_epoch bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM ledger_workers WHERE (worker_id, epoch) = (p_worker, p_epoch) FOR SHARE;
    IF FOUND THEN RETURN; END IF;
    INSERT INTO ledger_workers AS w (worker_id, epoch) VALUES (p_worker, p_epoch)
        ON CONFLICT (worker_id) DO UPDATE SET epoch = p_epoch WHERE w.epoch <= p_epoch;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'TH001',
            MESSAGE = 'epoch ' || p_epoch || ' of worker ' || p_worker || ' was replaced';
    END IF;
END $$;

-- Locks the mark of an epoch; one that was forgotten begins anew.
CREATE FUNCTION ledger_open_mark(p_worker text, p_epoch bigint) RETURNS ledger_marks LANGUAGE plpgsql AS $$
DECLARE m ledger_marks;
BEGIN
    SELECT * INTO m FROM ledger_marks WHERE (worker_id, epoch) = (p_worker, p_epoch) FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO ledger_marks (worker_id, epoch) VALUES (p_worker, p_epoch) ON CONFLICT DO NOTHING;
        SELECT * INTO m FROM ledger_marks WHERE (worker_id, epoch) = (p_worker, p_epoch) FOR UPDATE;
    END IF;
    RETURN m;
END $$;

-- Passes an epoch's leases from some states to another, with their rests; closing gives the rests back. Locks their
-- budgets, and `p_also` in the same order for what the caller does next. Returns how much money that was.
CREATE FUNCTION ledger_pass_leases(
    p_worker text, p_epoch bigint, p_from text[], p_to text, p_also bigint[] DEFAULT '{}'
) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE touched bigint[]; moved numeric;
BEGIN
    SELECT array_agg(l.budget_id) INTO touched FROM ledger_leases l
        WHERE (l.worker_id, l.epoch) = (p_worker, p_epoch) AND l.state = ANY (p_from);
    PERFORM 1 FROM ledger_budgets WHERE budget_id = ANY (touched || p_also) ORDER BY budget_id FOR UPDATE;
    WITH passing AS (
        SELECT l.*, l.granted - l.settled - l.returned AS rest FROM ledger_leases l
        WHERE (l.worker_id, l.epoch) = (p_worker, p_epoch) AND l.state = ANY (p_from)
    ), counted AS (
        UPDATE ledger_accounts a SET
            leased_nanos = a.leased_nanos - CASE p.state WHEN 'active' THEN p.rest ELSE 0 END
                                          + CASE p_to WHEN 'active' THEN p.rest ELSE 0 END,
            doubt_nanos = a.doubt_nanos - CASE p.state WHEN 'doubt' THEN p.rest ELSE 0 END
                                        + CASE p_to WHEN 'doubt' THEN p.rest ELSE 0 END
        FROM passing p WHERE p.rest > 0 AND (a.budget_id, a.period_seq) = (p.budget_id, p.period_seq)
    ), passed AS (
        UPDATE ledger_leases l SET state = p_to, returned = l.returned + CASE p_to WHEN 'closed' THEN p.rest ELSE 0 END
        FROM passing p
        WHERE (l.worker_id, l.epoch, l.budget_id, l.period_seq) = (p.worker_id, p.epoch, p.budget_id, p.period_seq)
    )
    SELECT coalesce(sum(rest), 0) INTO moved FROM passing;
    RETURN moved;
END $$;

-- Ends an epoch whose journal the book has to its end. Exact: nothing of it is missing, so what is left of the
-- leases goes back; otherwise it stays in doubt.
CREATE FUNCTION ledger_close_epoch(p_worker text, p_caller bigint, p_epoch bigint, p_exact boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_fence(p_worker, p_caller);
    PERFORM ledger_open_mark(p_worker, p_epoch);
    IF p_exact THEN
        PERFORM ledger_pass_leases(p_worker, p_epoch, '{active,doubt}', 'closed');
    ELSE
        PERFORM ledger_pass_leases(p_worker, p_epoch, '{active}', 'doubt');
    END IF;
    UPDATE ledger_marks SET state = 'closed' WHERE (worker_id, epoch) = (p_worker, p_epoch);
END $$;

-- Puts in doubt what the locked `p_marks` hold, and gives those marks a state. Returns the workers who held something.
CREATE FUNCTION ledger_doubt(p_marks ledger_marks[], p_state text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE m ledger_marks; touched bigint[];
BEGIN
    SELECT array_agg(l.budget_id) INTO touched
        FROM unnest(p_marks) k JOIN ledger_leases l ON (l.worker_id, l.epoch) = (k.worker_id, k.epoch)
        WHERE l.state = 'active';
    PERFORM 1 FROM ledger_budgets WHERE budget_id = ANY (touched) ORDER BY budget_id FOR UPDATE;
    FOREACH m IN ARRAY p_marks LOOP
        UPDATE ledger_marks SET state = p_state WHERE (worker_id, epoch) = (m.worker_id, m.epoch);
        IF ledger_pass_leases(m.worker_id, m.epoch, '{active}', 'doubt') > 0 THEN
            RETURN NEXT m.worker_id;
        END IF;
    END LOOP;
END $$;

-- Epochs of this worker whose journals are lost: their leases stay in doubt.
CREATE FUNCTION ledger_abandon_epochs(p_worker text, p_caller bigint, p_keep bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE lost ledger_marks[];
BEGIN
    PERFORM ledger_fence(p_worker, p_caller);
    lost := ARRAY(
        SELECT k FROM ledger_marks k
        WHERE worker_id = p_worker AND epoch <> p_caller AND NOT epoch = ANY (p_keep) AND state <> 'closed'
        ORDER BY epoch FOR UPDATE);
    PERFORM ledger_doubt(lost, 'closed');
END $$;

-- Puts in doubt what silent workers hold: they may be cut off and alive, so nothing is given back. Marks that are
-- locked belong to somebody who is speaking just now. Returns the workers whose money is in doubt from now on.
CREATE FUNCTION ledger_doubt_silent(p_silent_after interval) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT ledger_doubt(ARRAY(
        SELECT k FROM ledger_marks k WHERE state = 'live' AND seen_at < now() - p_silent_after
        ORDER BY worker_id, epoch FOR UPDATE SKIP LOCKED), 'silent')
$$;

-- Receipts and spans of an epoch are written up to `p_seq`.
CREATE FUNCTION ledger_recorded(p_worker text, p_caller bigint, p_epoch bigint, p_seq bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_fence(p_worker, p_caller);
    PERFORM ledger_open_mark(p_worker, p_epoch);
    UPDATE ledger_marks SET recorded_seq = greatest(recorded_seq, p_seq)
        WHERE (worker_id, epoch) = (p_worker, p_epoch);
END $$;

-- Granting --------------------------------------------------------------------------------------------------

-- Judges asks, in order, against what is free (by position; null: unlimited). Pure. Need i belongs to ask p_ask[i] and
-- wants p_amount[i], at least p_floor[i], of the budget at p_at[i]. An ask is granted on all its budgets or on none.
-- `p_others` is what all other workers together could still give back: if not even that would do, the ask is 'spent'.
-- `refusers` are the positions that decided, `contended` those whose money others should give back.
CREATE FUNCTION ledger_judge(
    p_unpriced boolean[], p_ask integer[], p_at integer[], p_amount bigint[], p_floor bigint[],
    p_free numeric[], p_others numeric[],
    OUT verdicts text[], OUT refusers integer[], OUT given bigint[], OUT contended integer[]
) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    needs CONSTANT integer := cardinality(p_ask);
    free numeric[] := p_free;
    first integer := 1; i integer; k integer; give bigint;
    rank integer; gap numeric; worst integer; worst_gap numeric; worst_at integer;
BEGIN
    given := array_fill(0::bigint, ARRAY[coalesce(cardinality(p_free), 0)]);
    FOR ask IN 1 .. cardinality(p_unpriced) LOOP
        worst := 0; worst_gap := 0; worst_at := NULL;
        i := first;
        WHILE i <= needs AND p_ask[i] = ask LOOP
            k := p_at[i];
            IF free[k] IS NOT NULL THEN
                gap := p_floor[i] - free[k];
                IF p_unpriced[ask] THEN
                    rank := 3; gap := 0;
                ELSIF gap > p_others[k] THEN
                    rank := 3;
                ELSIF gap > 0 THEN
                    rank := 2;
                ELSE
                    gap := p_amount[i] - free[k];
                    rank := CASE WHEN gap > 0 THEN 1 ELSE 0 END;
                END IF;
                IF rank > worst OR (rank = worst AND rank > 0 AND gap > worst_gap) THEN
                    worst := rank; worst_gap := gap; worst_at := k;
                END IF;
            END IF;
            i := i + 1;
        END LOOP;
        FOR n IN first .. i - 1 LOOP
            k := p_at[n];
            IF worst = 2 AND p_floor[n] > free[k] THEN
                contended := contended || k;
            ELSIF worst < 2 AND free[k] IS NOT NULL THEN
                give := least(p_amount[n], free[k]);
                given[k] := given[k] + give;
                free[k] := free[k] - give;
            END IF;
        END LOOP;
        first := i;
        verdicts := verdicts || (ARRAY['whole', 'part', 'contended', 'spent'])[worst + 1];
        refusers := refusers || worst_at;
    END LOOP;
END $$;

-- Others hold what is asked for here: they are told, at most ten times a second.
CREATE FUNCTION ledger_want(p_budgets bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE wanted bigint;
BEGIN
    FOR wanted IN
        UPDATE ledger_budgets SET wanted_at = now()
        WHERE budget_id = ANY (p_budgets) AND (wanted_at IS NULL OR wanted_at < now() - interval '100 milliseconds')
        RETURNING budget_id
    LOOP
        PERFORM pg_notify('tollhouse_ledger', 'wanted:' || wanted);
    END LOOP;
END $$;

-- Answers an order, and says how each of its budgets (sorted by id) stands then. One row; the arrays from
-- `period_seqs` on are by position in `p_budgets`. An order that was answered before is not granted again: it has
-- no verdicts. What is left over after the asks makes leases as large as `p_wants`, by fair shares.
CREATE FUNCTION ledger_grant(
    p_worker text, p_epoch bigint, p_number bigint, p_budgets bigint[], p_wants bigint[],
    p_unpriced boolean[], p_ask integer[], p_at integer[], p_amount bigint[], p_floor bigint[]
) RETURNS TABLE (
    verdicts text[], refusers integer[], period_seqs integer[], kinds text[], scope_ids text[], limits bigint[],
    spent bigint[], leased bigint[], doubt bigint[], granted bigint[], tight boolean[], resets_at float8[],
    looks_again_at float8[], at float8
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    m ledger_marks; unknown text; periods integer[]; free numeric[]; others numeric[]; holders bigint[];
    judged record; given bigint[];
BEGIN
    PERFORM ledger_fence(p_worker, p_epoch);
    m := ledger_open_mark(p_worker, p_epoch);
    IF m.state = 'closed' THEN
        RAISE EXCEPTION USING ERRCODE = 'TH001',
            MESSAGE = 'epoch ' || p_epoch || ' of worker ' || p_worker || ' was closed';
    ELSIF m.state = 'silent' THEN
        PERFORM ledger_pass_leases(p_worker, p_epoch, '{doubt}', 'active', p_budgets);
    END IF;
    PERFORM ledger_lock(p_budgets);
    SELECT string_agg(id::text, ',') INTO unknown FROM unnest(p_budgets) id
        WHERE NOT EXISTS (SELECT 1 FROM ledger_budgets b WHERE b.budget_id = id);
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'TH003', DETAIL = unknown, MESSAGE = 'the book has no budgets ' || unknown;
    END IF;
    PERFORM ledger_heighten(p_budgets);
    UPDATE ledger_marks k SET seen_at = now(), state = 'live', grant_number = greatest(k.grant_number, p_number)
        WHERE (k.worker_id, k.epoch) = (p_worker, p_epoch);

    SELECT array_agg(b.period_seq ORDER BY b.budget_id),
        array_agg(ledger_limit(b, now()) - ledger_committed(a) ORDER BY b.budget_id),
        array_agg(a.leased_nanos - coalesce(l.granted - l.settled - l.returned, 0) ORDER BY b.budget_id),
        array_agg(1 + (SELECT count(*) FROM ledger_leases o
            WHERE (o.budget_id, o.period_seq) = (b.budget_id, b.period_seq) AND o.state = 'active'
              AND (o.worker_id, o.epoch) <> (p_worker, p_epoch) AND o.granted - o.settled - o.returned > 0
        ) ORDER BY b.budget_id)
        INTO periods, free, others, holders
        FROM ledger_budgets b JOIN ledger_accounts a ON (a.budget_id, a.period_seq) = (b.budget_id, b.period_seq)
            LEFT JOIN ledger_leases l ON (l.worker_id, l.epoch) = (p_worker, p_epoch)
                AND (l.budget_id, l.period_seq) = (b.budget_id, b.period_seq)
        WHERE b.budget_id = ANY (p_budgets);

    tight := ARRAY(SELECT coalesce(t.free < 8 * t.want::numeric, false)
                   FROM unnest(free, p_wants) WITH ORDINALITY AS t (free, want, n) ORDER BY n);
    IF p_number > m.grant_number THEN
        judged := ledger_judge(p_unpriced, p_ask, p_at, p_amount, p_floor, free, others);
        verdicts := judged.verdicts; refusers := judged.refusers;
        SELECT array_agg(coalesce(s.free < 8 * s.want::numeric, false) ORDER BY s.n), array_agg(
            s.given + CASE WHEN s.free >= 8 * s.want::numeric
                THEN greatest(least(s.want, div(s.free, 2 * s.holders)) - s.given, 0) ELSE 0 END ORDER BY s.n)
            INTO tight, given
            FROM (
                SELECT t.n, t.given, t.want, t.holders, t.free - t.given AS free
                FROM unnest(judged.given, p_wants, holders, free) WITH ORDINALITY AS t (given, want, holders, free, n)
            ) s;
        INSERT INTO ledger_leases AS l (worker_id, epoch, budget_id, period_seq, granted)
            SELECT p_worker, p_epoch, t.id, t.period, t.given
            FROM unnest(p_budgets, periods, given) AS t (id, period, given) WHERE t.given > 0
            ON CONFLICT ON CONSTRAINT ledger_leases_pkey DO UPDATE SET granted = l.granted + excluded.granted;
        UPDATE ledger_accounts a SET leased_nanos = a.leased_nanos + t.given
            FROM unnest(p_budgets, periods, given) AS t (id, period, given)
            WHERE t.given > 0 AND (a.budget_id, a.period_seq) = (t.id, t.period);
        IF judged.contended IS NOT NULL THEN
            PERFORM ledger_want(ARRAY(SELECT DISTINCT p_budgets[k] FROM unnest(judged.contended) k));
        END IF;
    END IF;
    RETURN QUERY SELECT verdicts, refusers, s.* FROM (
        SELECT array_agg(b.period_seq ORDER BY b.budget_id), array_agg(b.scope_kind ORDER BY b.budget_id),
            array_agg(b.scope_id ORDER BY b.budget_id), array_agg(ledger_limit(b, now()) ORDER BY b.budget_id),
            array_agg(a.spent_nanos ORDER BY b.budget_id),
            array_agg((ledger_committed(a) - a.spent_nanos - a.doubt_nanos)::bigint ORDER BY b.budget_id),
            array_agg(a.doubt_nanos ORDER BY b.budget_id),
            array_agg(coalesce(l.granted, 0) ORDER BY b.budget_id), tight,
            array_agg(extract(epoch FROM b.resets_at)::float8 ORDER BY b.budget_id),
            array_agg(extract(epoch FROM least(b.resets_at, CASE WHEN b.raise_until > now() THEN b.raise_until END)
                )::float8 ORDER BY b.budget_id),
            extract(epoch FROM now())::float8
        FROM ledger_budgets b JOIN ledger_accounts a ON (a.budget_id, a.period_seq) = (b.budget_id, b.period_seq)
            LEFT JOIN ledger_leases l ON (l.worker_id, l.epoch) = (p_worker, p_epoch)
                AND (l.budget_id, l.period_seq) = (b.budget_id, b.period_seq)
        WHERE b.budget_id = ANY (p_budgets)
    ) s;
END $$;

-- Flushing --------------------------------------------------------------------------------------------------

-- Opens accounts that a worker knows from before the database forgot them. The caller holds the budgets' locks.
CREATE FUNCTION ledger_open_forgotten(p_budgets bigint[], p_periods integer[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_accounts (budget_id, period_seq, limit_nanos, closes_at)
        SELECT b.budget_id, t.period, ledger_limit(b, now()), b.resets_at
        FROM unnest(p_budgets, p_periods) AS t (id, period) JOIN ledger_budgets b ON b.budget_id = t.id
        WHERE NOT EXISTS (SELECT 1 FROM ledger_accounts a WHERE (a.budget_id, a.period_seq) = (t.id, t.period));
    IF FOUND THEN
        UPDATE ledger_budgets b SET period_seq = t.period
            FROM (SELECT id, max(period) AS period FROM unnest(p_budgets, p_periods) AS u (id, period) GROUP BY id) t
            WHERE b.budget_id = t.id AND b.period_seq < t.period;
    END IF;
END $$;

-- What the worker says it was granted, where the book knows of less. Money that was granted again meanwhile may push
-- the account over its limit: that is noted as overrun, and nothing is granted there until it is worked off.
CREATE FUNCTION ledger_reassert(
    p_worker text, p_epoch bigint, p_budgets bigint[], p_periods integer[], p_granted bigint[]
) RETURNS void LANGUAGE sql AS $$
    WITH forgotten AS (
        SELECT a.budget_id, a.period_seq, t.granted, t.granted - coalesce(l.granted, 0) AS more
        FROM unnest(p_budgets, p_periods, p_granted) AS t (id, period, granted)
            JOIN ledger_accounts a ON (a.budget_id, a.period_seq) = (t.id, t.period)
            LEFT JOIN ledger_leases l ON (l.worker_id, l.epoch) = (p_worker, p_epoch)
                AND (l.budget_id, l.period_seq) = (t.id, t.period)
        WHERE t.granted > coalesce(l.granted, 0) AND coalesce(l.state, 'active') = 'active'
    ), noted AS (
        INSERT INTO ledger_leases (worker_id, epoch, budget_id, period_seq, granted)
        SELECT p_worker, p_epoch, f.budget_id, f.period_seq, f.granted FROM forgotten f
        ON CONFLICT (worker_id, epoch, budget_id, period_seq) DO UPDATE SET granted = excluded.granted
    )
    UPDATE ledger_accounts a SET
        leased_nanos = a.leased_nanos + f.more,
        overrun_nanos = a.overrun_nanos
            + greatest(ledger_committed(a) + f.more - a.overrun_nanos - a.limit_nanos, 0)::bigint
    FROM forgotten f WHERE (a.budget_id, a.period_seq) = (f.budget_id, f.period_seq)
$$;

-- Writes the entries that the book does not have, draws them from the leases and adds them to the accounts; then
-- what was given back. A lease gives no more than its rest, whatever a record says: the remainder, like all cost
-- beyond what was set aside, is overrun. Returns the accounts that have new entries; null if none has.
CREATE FUNCTION ledger_book(
    p_worker text, p_epoch bigint, p_through bigint,
    p_calls uuid[], p_opened bigint[], p_kinds text[], p_reserved bigint[], p_costs bigint[],
    p_customers text[], p_keys text[], p_users text[], p_teams text[], p_providers text[], p_models text[],
    p_call_budgets text[], p_call_periods text[], p_call_leased text[],
    p_budgets bigint[], p_periods integer[], p_returned bigint[], OUT budgets bigint[], OUT periods integer[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    -- For many calls the joins must know how many they are; for a few, planning takes longer than the work.
    PERFORM set_config('plan_cache_mode',
        CASE WHEN cardinality(p_calls) > 50 THEN 'force_custom_plan' ELSE 'force_generic_plan' END, true);
    WITH asked AS (
        SELECT DISTINCT ON (t.call) t.call, t.kind, t.reserved, t.cost, t.customer, t.key, t.usr, t.team, t.provider,
            t.model, date '1970-01-01' + (t.opened / 86400000000)::integer AS day,
            t.budgets::bigint[] AS budgets, t.periods::integer[] AS periods, t.leased::boolean[] AS leased
        FROM unnest(p_calls, p_opened, p_kinds, p_reserved, p_costs, p_customers, p_keys, p_users, p_teams,
                    p_providers, p_models, p_call_budgets, p_call_periods, p_call_leased)
            WITH ORDINALITY AS t (call, opened, kind, reserved, cost, customer, key, usr, team,
                    provider, model, budgets, periods, leased, n)
        ORDER BY t.call, t.n
    ), booked AS (
        INSERT INTO ledger_entries (entry_day, entry_id, call_id, kind, reserved_nanos, cost_nanos, overrun_nanos,
            budgets, periods, customer_id, key_id, user_id, team_id, provider, model, worker_id, epoch, seq)
        SELECT a.day, a.call, a.call, a.kind, a.reserved, a.cost, greatest(a.cost - a.reserved, 0), a.budgets,
            a.periods, a.customer, a.key, a.usr, a.team, a.provider, a.model, p_worker, p_epoch, p_through
        FROM asked a ON CONFLICT DO NOTHING RETURNING entry_id
    ), moves AS (
        SELECT u.id, u.period, sum(a.cost) AS cost,
            coalesce(sum(a.cost) FILTER (WHERE u.leased), 0) AS leased_cost,
            coalesce(sum(least(a.cost, a.reserved)) FILTER (WHERE u.leased), 0) AS drawn
        FROM booked JOIN asked a ON a.call = booked.entry_id,
            unnest(a.budgets, a.periods, a.leased) AS u (id, period, leased)
        GROUP BY u.id, u.period
    ), drawn AS (
        SELECT t.id, t.period, l.state, m.cost IS NOT NULL AS moved, coalesce(m.cost, 0) AS cost,
            coalesce(m.leased_cost, 0) AS leased_cost, t.returned,
            least(coalesce(m.drawn, 0), coalesce(l.granted - l.settled - l.returned, 0)) AS settled,
            coalesce(l.granted - l.settled - l.returned, 0) AS rest
        FROM unnest(p_budgets, p_periods, p_returned) AS t (id, period, returned)
            LEFT JOIN moves m ON (m.id, m.period) = (t.id, t.period)
            LEFT JOIN ledger_leases l ON (l.worker_id, l.epoch) = (p_worker, p_epoch)
                AND (l.budget_id, l.period_seq) = (t.id, t.period)
    ), taken AS (
        SELECT d.*, least(d.returned, d.rest - d.settled) AS given_back FROM drawn d
    ), leases AS (
        UPDATE ledger_leases l SET settled = l.settled + t.settled, returned = l.returned + t.given_back
        FROM taken t WHERE t.settled + t.given_back > 0 AND (l.worker_id, l.epoch) = (p_worker, p_epoch)
            AND (l.budget_id, l.period_seq) = (t.id, t.period)
    ), accounts AS (
        UPDATE ledger_accounts a SET
            spent_nanos = a.spent_nanos + t.cost,
            leased_nanos = a.leased_nanos - CASE t.state WHEN 'active' THEN t.settled + t.given_back ELSE 0 END,
            doubt_nanos = a.doubt_nanos - CASE t.state WHEN 'doubt' THEN t.settled + t.given_back ELSE 0 END,
            overrun_nanos = a.overrun_nanos + t.leased_cost - t.settled
                + CASE WHEN a.limit_nanos IS NULL THEN 0 ELSE t.cost - t.leased_cost END
        FROM taken t WHERE (a.budget_id, a.period_seq) = (t.id, t.period) AND (t.moved OR t.given_back > 0)
    )
    SELECT array_agg(t.id), array_agg(t.period) INTO budgets, periods FROM taken t WHERE t.moved;
END $$;

-- Notes the thresholds that spending has crossed, each once a period, judged by the limit of this moment.
CREATE FUNCTION ledger_cross(p_budgets bigint[], p_periods integer[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH crossed AS (
        INSERT INTO ledger_events (customer_id, budget_id, period_seq, percent, spent_nanos, limit_nanos)
        SELECT b.customer_id, b.budget_id, a.period_seq, percent, a.spent_nanos, ledger_limit(b, now())
        FROM unnest(p_budgets, p_periods) AS t (id, period)
            JOIN ledger_accounts a ON (a.budget_id, a.period_seq) = (t.id, t.period)
            JOIN ledger_budgets b ON b.budget_id = t.id, unnest(b.thresholds) percent
        WHERE a.spent_nanos > 0 AND percent > a.fired
          AND a.spent_nanos::numeric * 100 >= ledger_limit(b, now())::numeric * percent
        ORDER BY b.budget_id, a.period_seq, percent
        ON CONFLICT DO NOTHING RETURNING budget_id, period_seq, percent
    )
    UPDATE ledger_accounts a SET fired = c.percent
        FROM (SELECT budget_id, period_seq, max(percent) AS percent FROM crossed GROUP BY 1, 2) c
        WHERE (a.budget_id, a.period_seq) = (c.budget_id, c.period_seq);
    IF FOUND THEN
        PERFORM pg_notify('tollhouse_events', '');
    END IF;
END $$;

-- Takes the mark for records `p_after` < number <= `p_through` of an epoch, wakes a silent one, and returns the mark
-- as it was. If its `acked_seq` is not `p_after`, the book has the records already.
CREATE FUNCTION ledger_begin_flush(
    p_worker text, p_caller bigint, p_epoch bigint, p_after bigint, p_through bigint, p_budgets bigint[]
) RETURNS ledger_marks LANGUAGE plpgsql AS $$
DECLARE m ledger_marks;
BEGIN
    PERFORM ledger_fence(p_worker, p_caller);
    m := ledger_open_mark(p_worker, p_epoch);
    IF m.acked_seq <> p_after AND m.acked_seq < p_through THEN
        RAISE EXCEPTION USING ERRCODE = 'TH002', DETAIL = m.acked_seq::text,
            MESSAGE = 'the book has records up to ' || m.acked_seq || ' only';
    END IF;
    IF m.state = 'silent' THEN
        PERFORM ledger_pass_leases(p_worker, p_epoch, '{doubt}', 'active', p_budgets);
    END IF;
    UPDATE ledger_marks SET acked_seq = greatest(acked_seq, p_through), seen_at = now(),
        state = CASE state WHEN 'silent' THEN 'live' ELSE state END
        WHERE (worker_id, epoch) = (p_worker, p_epoch);
    RETURN m;
END $$;

-- Takes a batch of an epoch's journal, once however often it is sent. `p_budgets` and `p_periods` name every account
-- of the batch once, by id; `p_granted` and `p_returned` belong to them. `wanted`: budgets of which others wait for
-- money that this epoch holds, and all whose terms have changed, since it was last seen.
CREATE FUNCTION ledger_flush(
    p_worker text, p_caller bigint, p_epoch bigint, p_after bigint, p_through bigint,
    p_calls uuid[], p_opened bigint[], p_kinds text[], p_reserved bigint[], p_costs bigint[],
    p_customers text[], p_keys text[], p_users text[], p_teams text[], p_providers text[], p_models text[],
    p_call_budgets text[], p_call_periods text[], p_call_leased text[],
    p_budgets bigint[], p_periods integer[], p_granted bigint[], p_returned bigint[],
    OUT acked bigint, OUT wanted bigint[], OUT at float8
) LANGUAGE plpgsql AS $$
DECLARE m ledger_marks; touched record; since timestamptz;
BEGIN
    m := ledger_begin_flush(p_worker, p_caller, p_epoch, p_after, p_through, p_budgets);
    IF m.acked_seq = p_after THEN
        PERFORM ledger_lock(p_budgets);
        PERFORM ledger_open_forgotten(p_budgets, p_periods);
        IF m.state <> 'closed' THEN
            PERFORM ledger_reassert(p_worker, p_epoch, p_budgets, p_periods, p_granted);
        END IF;
        touched := ledger_book(p_worker, p_epoch, p_through, p_calls, p_opened, p_kinds, p_reserved, p_costs,
            p_customers, p_keys, p_users, p_teams, p_providers, p_models, p_call_budgets, p_call_periods,
            p_call_leased, p_budgets, p_periods, p_returned);
        IF touched.budgets IS NOT NULL THEN
            PERFORM ledger_cross(touched.budgets, touched.periods);
            PERFORM ledger_project_keys(touched.budgets);
        END IF;
    END IF;
    since := m.seen_at - interval '3 seconds';
    wanted := ARRAY(
        SELECT b.budget_id FROM ledger_budgets b
        WHERE greatest(b.wanted_at, b.changed_at) > since AND (b.changed_at > since OR EXISTS (
            SELECT 1 FROM ledger_leases l WHERE (l.worker_id, l.epoch, l.budget_id) = (p_worker, p_epoch, b.budget_id)
                AND l.state = 'active' AND l.granted - l.settled - l.returned > 0))
        ORDER BY b.budget_id);
    acked := greatest(m.acked_seq, p_through);
    at := extract(epoch FROM now())::float8;
END $$;

-- Sets a record aside that no flush takes, and moves the mark over it. What its call cost is in doubt on each of its
-- accounts, drawn from the lease as a flush would have.
CREATE FUNCTION ledger_bury(
    p_worker text, p_caller bigint, p_epoch bigint, p_after bigint, p_seq bigint, p_record bytea, p_error text,
    p_cost bigint, p_reserved bigint, p_budgets bigint[], p_periods integer[], p_leased boolean[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE m ledger_marks;
BEGIN
    m := ledger_begin_flush(p_worker, p_caller, p_epoch, p_after, p_seq, p_budgets);
    IF m.acked_seq <> p_after THEN RETURN; END IF;
    PERFORM ledger_lock(p_budgets);
    PERFORM ledger_open_forgotten(p_budgets, p_periods);
    WITH drawn AS (
        SELECT a.budget_id, a.period_seq, l.state, t.leased, CASE WHEN t.leased
            THEN least(p_cost, p_reserved, coalesce(l.granted - l.settled - l.returned, 0)) ELSE 0 END AS settled
        FROM unnest(p_budgets, p_periods, p_leased) AS t (id, period, leased)
            JOIN ledger_accounts a ON (a.budget_id, a.period_seq) = (t.id, t.period)
            LEFT JOIN ledger_leases l ON (l.worker_id, l.epoch) = (p_worker, p_epoch)
                AND (l.budget_id, l.period_seq) = (t.id, t.period)
    ), leases AS (
        UPDATE ledger_leases l SET settled = l.settled + d.settled FROM drawn d
        WHERE d.settled > 0 AND (l.worker_id, l.epoch) = (p_worker, p_epoch)
            AND (l.budget_id, l.period_seq) = (d.budget_id, d.period_seq)
    ), accounts AS (
        UPDATE ledger_accounts a SET
            leased_nanos = a.leased_nanos - CASE d.state WHEN 'active' THEN d.settled ELSE 0 END,
            doubt_nanos = a.doubt_nanos + p_cost - CASE d.state WHEN 'doubt' THEN d.settled ELSE 0 END,
            overrun_nanos = a.overrun_nanos
                + CASE WHEN d.leased OR a.limit_nanos IS NOT NULL THEN p_cost - d.settled ELSE 0 END
        FROM drawn d WHERE (a.budget_id, a.period_seq) = (d.budget_id, d.period_seq)
    )
    INSERT INTO ledger_dead_letters (worker_id, epoch, seq, record, error, amount_nanos, budgets, periods)
    SELECT p_worker, p_epoch, p_seq, p_record, p_error, p_cost,
        coalesce(array_agg(d.budget_id), '{}'), coalesce(array_agg(d.period_seq), '{}') FROM drawn d;
END $$;

-- The first form of the ledger, as long as it is in use: it counts leases, too -----------------------------------

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

-- Must return no row at any moment. `amount_nanos` is how much is wrong.
DROP VIEW ledger_audit;
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
