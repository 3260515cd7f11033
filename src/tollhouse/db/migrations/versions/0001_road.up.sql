-- The first schema: customers and people, keys, the ledger, receipts, spans, audit.
-- Times are timestamptz, JSON is jsonb, money is bigint nano-USD; numeric(10,4) columns are projections.

-- Opens the partitions of `p_days` days from `p_from` on, for a table that has a day in its partition key. A day
-- whose rows wait in the default partition already stays there. One caller at a time, whoever they are.
CREATE FUNCTION open_day_partitions(p_table regclass, p_from date, p_days integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE day date; name text; opened integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('open_day_partitions'));
    FOR day IN SELECT p_from + n FROM generate_series(0, p_days - 1) n LOOP
        name := p_table::text || to_char(day, '_YYYYMMDD');
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE TABLE %I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', name, p_table, day, day + 1);
            opened := opened + 1;
        EXCEPTION WHEN check_violation THEN NULL;
        END;
    END LOOP;
    RETURN opened;
END $$;

CREATE TYPE ai_gateway_key_budget_reset AS ENUM ('daily', 'weekly', 'monthly');

-- Customers and people ------------------------------------------------------------------------------------

CREATE TABLE customers (
    id text PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL,
    billing_email text,
    stripe_customer_id text,
    cf_gateway_id text UNIQUE,
    cf_account_id text,
    gateway_state text NOT NULL DEFAULT 'none' CHECK (gateway_state IN ('none', 'pending', 'ready', 'failed')),
    gateway_error text,
    gateway_attempts integer NOT NULL DEFAULT 0,
    gateway_tried_at timestamptz,
    settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX customers_email_key ON customers (lower(email));

CREATE TABLE users (
    id text PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'manager', 'member')),
    password_hash text,
    disabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- One person, one sign-in: the address decides which customer a session belongs to.
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE INDEX users_customer_id_idx ON users (customer_id);

CREATE TABLE teams (
    id text PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (customer_id, name)
);

CREATE TABLE team_members (
    team_id text NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role text NOT NULL DEFAULT 'member' CHECK (role IN ('lead', 'member')),
    PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_members_user_id_idx ON team_members (user_id);

CREATE TABLE api_tokens (
    id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash text NOT NULL UNIQUE,
    display text NOT NULL,
    name text NOT NULL,
    last_used_at timestamptz,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX api_tokens_user_id_idx ON api_tokens (user_id);

CREATE TABLE sessions (
    id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash text NOT NULL UNIQUE,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);

-- Keys: who may pass --------------------------------------------------------------------------------------

CREATE TABLE ai_gateway_keys (
    id text PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    user_id text REFERENCES users (id) ON DELETE SET NULL,
    team_id text REFERENCES teams (id) ON DELETE SET NULL,
    key_hash text NOT NULL UNIQUE CHECK (key_hash ~ '^[0-9a-f]{64}$'),
    display text NOT NULL,
    name text NOT NULL,
    budget_usd numeric(10, 4) CHECK (budget_usd >= 0),
    budget_reset ai_gateway_key_budget_reset,
    spend_usd numeric(10, 4) NOT NULL DEFAULT 0, -- written by the ledger's functions only
    spend_reset_at timestamptz,                  -- written by the ledger's functions only
    allowed_models jsonb CHECK (jsonb_typeof(allowed_models) IN ('array', 'null')),
    max_output_tokens integer CHECK (max_output_tokens > 0),
    bound_policy text NOT NULL DEFAULT 'clamp_if_unset' CHECK (bound_policy IN ('strict', 'clamp_if_unset', 'clamp')),
    disabled boolean NOT NULL DEFAULT false,
    expires_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by_user_id text REFERENCES users (id) ON DELETE SET NULL,
    CHECK (user_id IS NULL OR team_id IS NULL)
) WITH (fillfactor = 70);
CREATE INDEX ai_gateway_keys_customer_id_idx ON ai_gateway_keys (customer_id);
CREATE INDEX ai_gateway_keys_user_id_idx ON ai_gateway_keys (user_id);
CREATE INDEX ai_gateway_keys_team_id_idx ON ai_gateway_keys (team_id);

-- The ledger: only its functions write balances -----------------------------------------------------------

CREATE TABLE ledger_workers (
    worker_id text PRIMARY KEY,
    epoch bigint NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now()
);

-- A budget hangs on a scope. A null limit counts spend and refuses nothing (every key has one).
CREATE TABLE ledger_budgets (
    budget_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id text NOT NULL, -- no foreign key: the book outlives what it tells of
    scope_kind text NOT NULL CHECK (scope_kind IN ('key', 'user', 'team', 'customer')),
    scope_id text NOT NULL,
    limit_nanos bigint CHECK (limit_nanos >= 0),
    reset ai_gateway_key_budget_reset,
    period_seq integer NOT NULL DEFAULT 1,
    resets_at timestamptz, -- null: never
    UNIQUE (scope_kind, scope_id)
) WITH (fillfactor = 70);
CREATE INDEX ledger_budgets_customer_id_idx ON ledger_budgets (customer_id);

-- The account of one budget in one period. No index on the amounts, so that updates stay HOT.
CREATE TABLE ledger_accounts (
    budget_id bigint NOT NULL REFERENCES ledger_budgets (budget_id),
    period_seq integer NOT NULL,
    limit_nanos bigint,                                   -- the highest limit in force in the period
    spent_nanos bigint NOT NULL DEFAULT 0,                -- sum of entries; an adjustment may be negative
    held_nanos bigint NOT NULL DEFAULT 0 CHECK (held_nanos >= 0),
    doubt_nanos bigint NOT NULL DEFAULT 0 CHECK (doubt_nanos >= 0),
    overrun_nanos bigint NOT NULL DEFAULT 0 CHECK (overrun_nanos >= 0),
    opened_at timestamptz NOT NULL DEFAULT now(),
    closes_at timestamptz,
    PRIMARY KEY (budget_id, period_seq)
) WITH (fillfactor = 50);

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

-- The book: append-only. One non-adjust entry a call; `entry_id` = `call_id` for it.
CREATE TABLE ledger_entries (
    entry_day date NOT NULL,
    entry_id uuid NOT NULL,
    call_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('exact', 'estimated', 'in_doubt', 'adjust')),
    reserved_nanos bigint NOT NULL CHECK (reserved_nanos >= 0),
    cost_nanos bigint NOT NULL CHECK (cost_nanos >= 0 OR kind = 'adjust'),
    overrun_nanos bigint NOT NULL DEFAULT 0 CHECK (overrun_nanos >= 0),
    budgets bigint[] NOT NULL,
    periods integer[] NOT NULL,
    customer_id text NOT NULL,
    key_id text NOT NULL,
    user_id text,
    team_id text,
    provider text NOT NULL,
    model text NOT NULL,
    worker_id text NOT NULL,
    epoch bigint NOT NULL,
    reason text,
    actor text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (entry_day, entry_id)
) PARTITION BY RANGE (entry_day);
CREATE TABLE ledger_entries_default PARTITION OF ledger_entries DEFAULT;
CREATE INDEX ledger_entries_customer_idx ON ledger_entries (customer_id, created_at);
CREATE INDEX ledger_entries_call_idx ON ledger_entries (call_id);

CREATE FUNCTION ledger_book_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger_entries is append-only: book an adjustment instead';
END $$;
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_book_is_append_only();

-- The boundary after `moment`: UTC midnight, Monday, the 1st. Null for a lifetime budget.
CREATE FUNCTION ledger_next_reset(p_reset ai_gateway_key_budget_reset, p_moment timestamptz)
RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE p_reset
        WHEN 'daily' THEN date_trunc('day', p_moment AT TIME ZONE 'UTC') + interval '1 day'
        WHEN 'weekly' THEN date_trunc('week', p_moment AT TIME ZONE 'UTC') + interval '7 days'
        WHEN 'monthly' THEN date_trunc('month', p_moment AT TIME ZONE 'UTC') + interval '1 month'
    END AT TIME ZONE 'UTC'
$$;

-- Opens the period that the clock says, if the budget is still in an older one. The caller holds the row's lock.
CREATE FUNCTION ledger_roll(p_budget_id bigint, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
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
CREATE FUNCTION ledger_project_keys(p_budgets bigint[]) RETURNS void LANGUAGE sql AS $$
    UPDATE ai_gateway_keys k
    SET spend_usd = least(round(greatest(a.spent_nanos, 0) / 1e9::numeric, 4), 999999.9999), last_used_at = now()
    FROM ledger_budgets b JOIN ledger_accounts a USING (budget_id, period_seq)
    WHERE b.budget_id = ANY (p_budgets) AND b.scope_kind = 'key' AND k.id = b.scope_id
$$;

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

-- Takes an identity and fences its former holder: what an older epoch left is charged by the next sweep.
CREATE FUNCTION ledger_register(p_worker_id text) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO ledger_workers (worker_id, epoch) VALUES (p_worker_id, 1)
    ON CONFLICT (worker_id) DO UPDATE SET epoch = ledger_workers.epoch + 1, seen_at = now() RETURNING epoch
$$;

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

-- What happened, as money and as spans --------------------------------------------------------------------

CREATE TABLE receipts (
    call_id uuid PRIMARY KEY,
    customer_id text NOT NULL,
    key_id text NOT NULL,
    user_id text,
    team_id text,
    provider text NOT NULL,
    model text NOT NULL,
    response_model text,
    stream boolean NOT NULL,
    outcome text NOT NULL,
    upstream_status integer,
    usage_source text NOT NULL CHECK (usage_source IN ('provider', 'estimated', 'none')),
    input_tokens bigint NOT NULL,
    cached_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    price_version text,
    entry_kind text NOT NULL,
    entry_day date NOT NULL,
    hold_nanos bigint NOT NULL,
    cost_nanos bigint NOT NULL,
    clamped_max_tokens bigint,
    cf_log_id text,
    trace_id text NOT NULL,
    span_id text NOT NULL,
    started_at timestamptz NOT NULL,
    first_byte_ms integer,
    duration_ms integer NOT NULL
);
CREATE INDEX receipts_key_idx ON receipts (key_id, started_at DESC);
CREATE INDEX receipts_customer_idx ON receipts (customer_id, started_at DESC);

CREATE TABLE usage_events ( -- outbox to Stripe's meter events; written with the entry, sent later
    entry_id uuid PRIMARY KEY,
    customer_id text NOT NULL,
    cost_nanos bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    sent_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    last_error text
);
CREATE INDEX usage_events_unsent_idx ON usage_events (occurred_at) WHERE sent_at IS NULL;

CREATE TABLE telemetry_spans (
    day date NOT NULL,
    customer_id text NOT NULL,
    trace_id text NOT NULL CHECK (trace_id ~ '^[0-9a-f]{32}$'),
    span_id text NOT NULL CHECK (span_id ~ '^[0-9a-f]{16}$'),
    parent_span_id text,
    user_id text,
    team_id text,
    key_id text,
    vendor text NOT NULL,
    tool text,
    name text NOT NULL,
    kind smallint NOT NULL,
    start_ns bigint NOT NULL,
    end_ns bigint NOT NULL,
    status smallint NOT NULL,
    status_message text,
    model text,
    provider text,
    input_tokens bigint,
    output_tokens bigint,
    cached_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    cost_nanos bigint,
    attributes jsonb NOT NULL DEFAULT '{}',
    resource_attributes jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (day, customer_id, trace_id, span_id)
) PARTITION BY RANGE (day);
CREATE TABLE telemetry_spans_default PARTITION OF telemetry_spans DEFAULT;
CREATE INDEX telemetry_spans_recent_idx ON telemetry_spans (customer_id, start_ns DESC);

CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id text NOT NULL,
    actor text NOT NULL, -- user id, or the name of the loop that acted
    action text NOT NULL,
    subject text NOT NULL,
    before jsonb,
    after jsonb,
    address text,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_log_customer_idx ON audit_log (customer_id, id DESC);
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log is append-only';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only();
