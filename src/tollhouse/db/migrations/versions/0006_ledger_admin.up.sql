-- What people do to the book, and what proves that nobody did anything else.

-- Seals read the book in the order in which it was written. Entries come in that order, so this index grows at its end.
CREATE INDEX ledger_entries_created_idx ON ledger_entries (created_at, entry_id);
-- The few entries that people look after.
CREATE INDEX ledger_entries_looked_after_idx ON ledger_entries (customer_id, kind, created_at, entry_id)
    WHERE kind IN ('in_doubt', 'adjust');

-- Adjustments -----------------------------------------------------------------------------------------------

-- Requests that carried a key of the caller's, so that sending one again books nothing again.
CREATE TABLE ledger_adjustment_requests (
    customer_id text NOT NULL,
    request_key text NOT NULL,
    call_id uuid NOT NULL,
    cost_nanos bigint NOT NULL,
    reason text NOT NULL,
    entry_day date NOT NULL,
    entry_id uuid NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, request_key)
);

-- Books what a call really cost: the difference to what is booked, in the accounts of its entry, also when their
-- period is over. `outcome`: booked, repeated (this request was carried out before), and without any change: unknown
-- (no entry), again (was adjusted before and the caller did not mean that), reused (the key was another request's).
--
-- Lock order: the call, then budgets by id as everywhere, then the key's row.
CREATE FUNCTION ledger_adjust(
    p_customer_id text, p_call_id uuid, p_cost bigint, p_reason text, p_actor text, p_again boolean, p_request_key text,
    OUT outcome text, OUT entry_day date, OUT entry_id uuid, OUT before_nanos bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE e ledger_entries; r ledger_adjustment_requests; times bigint; change bigint; over bigint;
BEGIN
    IF p_cost < 0 THEN RAISE EXCEPTION 'no call costs less than nothing'; END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('ledger_adjust ' || p_call_id, 0));
    SELECT * INTO e FROM ledger_entries x
        WHERE x.call_id = p_call_id AND x.customer_id = p_customer_id AND x.kind <> 'adjust';
    IF NOT FOUND THEN outcome := 'unknown'; RETURN; END IF;
    entry_day := e.entry_day; entry_id := gen_random_uuid();
    IF p_request_key IS NOT NULL THEN
        INSERT INTO ledger_adjustment_requests
            VALUES (p_customer_id, p_request_key, p_call_id, p_cost, p_reason, entry_day, entry_id)
            ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT * INTO r FROM ledger_adjustment_requests x
                WHERE (x.customer_id, x.request_key) = (p_customer_id, p_request_key);
            outcome := CASE WHEN (r.call_id, r.cost_nanos, r.reason) = (p_call_id, p_cost, p_reason)
                THEN 'repeated' ELSE 'reused' END;
            entry_id := r.entry_id;
            RETURN;
        END IF;
    END IF;
    PERFORM ledger_lock(e.budgets);
    SELECT count(*), e.cost_nanos + coalesce(sum(x.cost_nanos), 0) INTO times, before_nanos FROM ledger_entries x
        WHERE x.entry_day = e.entry_day AND x.call_id = p_call_id AND x.kind = 'adjust';
    IF times > 0 AND NOT p_again THEN outcome := 'again'; RETURN; END IF;
    change := p_cost - before_nanos;
    over := greatest(p_cost - e.reserved_nanos, 0) - greatest(before_nanos - e.reserved_nanos, 0);
    INSERT INTO ledger_entries (entry_day, entry_id, call_id, kind, reserved_nanos, cost_nanos, overrun_nanos, budgets,
            periods, customer_id, key_id, user_id, team_id, provider, model, worker_id, epoch, reason, actor)
        VALUES (e.entry_day, entry_id, p_call_id, 'adjust', 0, change, greatest(over, 0), e.budgets, e.periods,
            e.customer_id, e.key_id, e.user_id, e.team_id, e.provider, e.model, e.worker_id, e.epoch, p_reason, p_actor);
    -- What is above the limit now, because what the call had given back was granted again, is noted as overrun too.
    UPDATE ledger_accounts a SET
        spent_nanos = a.spent_nanos + change,
        overrun_nanos = CASE WHEN a.limit_nanos IS NULL THEN a.overrun_nanos
            ELSE greatest(a.overrun_nanos + over, ledger_committed(a) + change - a.limit_nanos, 0) END
        FROM unnest(e.budgets, e.periods) AS t (id, period) WHERE (a.budget_id, a.period_seq) = (t.id, t.period);
    IF change > 0 THEN
        PERFORM ledger_cross(e.budgets, e.periods);
    END IF;
    UPDATE ai_gateway_keys k SET spend_usd = least(round(greatest(a.spent_nanos, 0) / 1e9::numeric, 4), 999999.9999)
        FROM ledger_budgets b JOIN ledger_accounts a ON (a.budget_id, a.period_seq) = (b.budget_id, b.period_seq)
        WHERE b.budget_id = ANY (e.budgets) AND b.scope_kind = 'key' AND b.slot = 'main' AND k.id = b.scope_id;
    outcome := 'booked';
END $$;

-- Doubt -----------------------------------------------------------------------------------------------------

-- Whether nothing can come of this epoch any more: it is closed, or silent for longer than any of its calls may last.
CREATE FUNCTION ledger_is_gone(m ledger_marks, p_silent_after interval) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT m.state = 'closed' OR (m.state = 'silent' AND m.seen_at < now() - p_silent_after)
$$;

-- Gives back money of leases in doubt: `p_nanos` of it, oldest period first, or all. Only of epochs that are gone: what
-- a worker holds that may still be alive is not given to others. A silent worker's life is over with that: should it
-- ever speak again, it is fenced and must begin a new one, so it cannot spend what others were given.
-- No row: the customer has no such budget. `releasable` is what could be released, `waiting` what not yet; nothing
-- is released if `p_nanos` is more than that.
CREATE FUNCTION ledger_release_doubt(p_customer_id text, p_budget_id bigint, p_nanos bigint, p_silent_after interval)
RETURNS TABLE (released bigint, releasable bigint, waiting bigint, leases integer) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE l record; part bigint;
BEGIN
    PERFORM 1 FROM ledger_workers w WHERE w.worker_id IN (
            SELECT x.worker_id FROM ledger_leases x WHERE x.budget_id = p_budget_id AND x.state = 'doubt')
        ORDER BY w.worker_id FOR UPDATE;
    PERFORM 1 FROM ledger_marks m WHERE (m.worker_id, m.epoch) IN (
            SELECT x.worker_id, x.epoch FROM ledger_leases x WHERE x.budget_id = p_budget_id AND x.state = 'doubt')
        ORDER BY m.worker_id, m.epoch FOR UPDATE;
    PERFORM 1 FROM ledger_budgets b WHERE b.budget_id = p_budget_id AND b.customer_id = p_customer_id FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    SELECT coalesce(sum(x.granted - x.settled - x.returned) FILTER (WHERE ledger_is_gone(m, p_silent_after)), 0),
            coalesce(sum(x.granted - x.settled - x.returned) FILTER (WHERE NOT ledger_is_gone(m, p_silent_after)), 0)
        INTO releasable, waiting
        FROM ledger_leases x JOIN ledger_marks m USING (worker_id, epoch)
        WHERE x.budget_id = p_budget_id AND x.state = 'doubt';
    released := 0; leases := 0;
    IF p_nanos > releasable THEN RETURN NEXT; RETURN; END IF;
    FOR l IN
        SELECT x.*, x.granted - x.settled - x.returned AS rest
        FROM ledger_leases x JOIN ledger_marks m USING (worker_id, epoch)
        WHERE x.budget_id = p_budget_id AND x.state = 'doubt' AND ledger_is_gone(m, p_silent_after)
        ORDER BY x.period_seq, x.worker_id, x.epoch
    LOOP
        EXIT WHEN released = p_nanos;
        part := least(l.rest, coalesce(p_nanos, releasable) - released);
        UPDATE ledger_leases x SET returned = x.returned + part,
            state = CASE WHEN part = l.rest THEN 'closed' ELSE 'doubt' END
            WHERE (x.worker_id, x.epoch, x.budget_id, x.period_seq) = (l.worker_id, l.epoch, l.budget_id, l.period_seq);
        UPDATE ledger_accounts a SET doubt_nanos = a.doubt_nanos - part
            WHERE (a.budget_id, a.period_seq) = (l.budget_id, l.period_seq);
        UPDATE ledger_workers w SET epoch = w.epoch + 1 WHERE (w.worker_id, w.epoch) = (l.worker_id, l.epoch);
        UPDATE ledger_marks m SET state = 'closed' WHERE (m.worker_id, m.epoch) = (l.worker_id, l.epoch);
        released := released + part; leases := leases + 1;
    END LOOP;
    RETURN NEXT;
END $$;

-- Looking ---------------------------------------------------------------------------------------------------

-- What ledger_audit says of one customer's budgets, without reading the books of all others.
CREATE FUNCTION ledger_audit_of(p_customer_id text)
RETURNS TABLE (budget_id bigint, period_seq integer, what text, amount_nanos numeric) LANGUAGE sql STABLE AS $$
    WITH mine AS MATERIALIZED (
        SELECT a.* FROM ledger_budgets b JOIN ledger_accounts a USING (budget_id) WHERE b.customer_id = p_customer_id
    ), leases AS MATERIALIZED (
        SELECT l.*, l.granted - l.settled - l.returned AS rest
        FROM ledger_budgets b JOIN ledger_leases l USING (budget_id)
        WHERE b.customer_id = p_customer_id AND (l.state <> 'closed' OR l.granted <> l.settled + l.returned)
    ), entries AS MATERIALIZED (
        SELECT e.* FROM ledger_entries e WHERE e.customer_id = p_customer_id
    ), leased AS (
        SELECT l.budget_id AS b, l.period_seq AS p, sum(l.rest) FILTER (WHERE l.state = 'active') AS active,
            sum(l.rest) FILTER (WHERE l.state = 'doubt') AS doubt
        FROM leases l GROUP BY 1, 2
    ), buried AS (
        SELECT u.b, u.p, sum(d.amount_nanos) AS nanos FROM ledger_dead_letters d, unnest(d.budgets, d.periods) AS u (b, p)
        WHERE d.resolved_at IS NULL GROUP BY 1, 2
    ), spent AS (
        SELECT u.b, u.p, sum(e.cost_nanos) AS nanos FROM entries e, unnest(e.budgets, e.periods) AS u (b, p) GROUP BY 1, 2
    )
    SELECT a.budget_id, a.period_seq, c.what, c.amount_nanos
    FROM mine a LEFT JOIN leased l ON (l.b, l.p) = (a.budget_id, a.period_seq)
        LEFT JOIN buried d ON (d.b, d.p) = (a.budget_id, a.period_seq)
        LEFT JOIN spent s ON (s.b, s.p) = (a.budget_id, a.period_seq),
        LATERAL (VALUES
            ('leased differs from leases', a.leased_nanos - coalesce(l.active, 0)),
            ('doubt differs from what is doubted', a.doubt_nanos - coalesce(l.doubt, 0) - coalesce(d.nanos, 0)),
            ('spent differs from entries', a.spent_nanos - coalesce(s.nanos, 0)),
            ('over the limit', greatest(ledger_committed(a::ledger_accounts) - a.overrun_nanos - a.limit_nanos, 0))
        ) AS c (what, amount_nanos)
    WHERE c.amount_nanos <> 0
    UNION ALL
    SELECT l.budget_id, l.period_seq, 'a closed lease has a rest', l.rest
    FROM leases l WHERE l.state = 'closed' AND l.rest <> 0
    UNION ALL
    SELECT NULL, NULL, 'entries for one call: ' || e.call_id, count(*) FROM entries e WHERE e.kind <> 'adjust'
    GROUP BY e.call_id HAVING count(*) > 1
$$;

-- Seals -----------------------------------------------------------------------------------------------------

-- One line a day, from the day of the first entry on: what the book held of it, chained to the day before. The words
-- are in tollhouse/ledger/seals.py.
CREATE TABLE ledger_seals (
    day date PRIMARY KEY,
    entries bigint NOT NULL CHECK (entries >= 0),
    sum_nanos bigint NOT NULL,
    previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    sealed_at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION ledger_seals_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger_seals is append-only';
END $$;
CREATE TRIGGER ledger_seals_append_only BEFORE UPDATE OR DELETE ON ledger_seals
    FOR EACH ROW EXECUTE FUNCTION ledger_seals_are_append_only();

-- An entry as a seal reads it: a JSON array on one line.
CREATE FUNCTION ledger_entry_line(e ledger_entries) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT json_build_array(e.entry_day, e.entry_id, e.call_id, e.kind, e.reserved_nanos, e.cost_nanos, e.overrun_nanos,
        array_to_string(e.budgets, ' '), array_to_string(e.periods, ' '), e.customer_id, e.key_id, e.user_id, e.team_id,
        e.provider, e.model, e.worker_id, e.epoch, e.seq, e.reason, e.actor,
        (extract(epoch FROM e.created_at) * 1000000)::bigint)::text || E'\n'
$$;

-- The oldest day that is over, not sealed, and to which nobody can add any more: it ended five minutes ago, and no
-- transaction that has written anything began before its end. Null: there is none.
CREATE FUNCTION ledger_day_to_seal(p_now timestamptz DEFAULT now()) RETURNS date LANGUAGE plpgsql STABLE AS $$
DECLARE next_day date; ends timestamptz;
BEGIN
    next_day := coalesce((SELECT max(day) + 1 FROM ledger_seals),
                         (SELECT (min(created_at) AT TIME ZONE 'UTC')::date FROM ledger_entries));
    ends := (next_day + 1)::timestamp AT TIME ZONE 'UTC';
    IF p_now >= ends + interval '5 minutes' AND NOT EXISTS (
        SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL AND xact_start < ends
    ) THEN
        RETURN next_day;
    END IF;
    RETURN NULL;
END $$;

-- Adds a seal to the chain. Raises if it is not the next one.
CREATE FUNCTION ledger_seal(p_day date, p_entries bigint, p_sum bigint, p_previous bytea, p_hash bytea) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE newest ledger_seals;
BEGIN
    SELECT * INTO newest FROM ledger_seals ORDER BY day DESC LIMIT 1;
    IF FOUND AND (newest.day + 1, newest.hash) <> (p_day, p_previous) THEN
        RAISE EXCEPTION 'the seal of % does not follow on the seal of %', p_day, newest.day;
    END IF;
    INSERT INTO ledger_seals (day, entries, sum_nanos, previous_hash, hash)
        VALUES (p_day, p_entries, p_sum, p_previous, p_hash);
END $$;
