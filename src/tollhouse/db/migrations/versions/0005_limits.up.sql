-- Limits for people to set: a scope's budgets as one set of windows, temporary raises. And where the news goes.

-- Makes a scope's budgets what is listed: each window known by (reset, models), each named once. Windows that stay
-- keep what is spent, those not listed are ended. A key's own budget, 'main', is set elsewhere and never touched.
-- One caller a scope at a time; budgets are locked by id, and new ones are the last.
CREATE FUNCTION ledger_set_limits(
    p_customer_id text, p_kind text, p_scope_id text,
    p_limits bigint[], p_resets text[], p_models text[], p_thresholds text[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE w record; b ledger_budgets; ended bigint; kept bigint[] := '{}';
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('ledger_set_limits ' || p_kind || ' ' || p_scope_id, 0));
    PERFORM ledger_lock(ARRAY(
        SELECT x.budget_id FROM ledger_budgets x
        WHERE (x.customer_id, x.scope_kind, x.scope_id) = (p_customer_id, p_kind, p_scope_id)));
    FOR w IN
        SELECT t.nanos, t.reset::ai_gateway_key_budget_reset AS reset, t.models, t.thresholds::smallint[] AS thresholds,
            coalesce(t.reset, 'life') || ' ' || t.models AS slot
        FROM unnest(p_limits, p_resets, p_models, p_thresholds) AS t (nanos, reset, models, thresholds)
    LOOP
        SELECT * INTO b FROM ledger_budgets x
            WHERE (x.customer_id, x.scope_kind, x.scope_id) = (p_customer_id, p_kind, p_scope_id)
              AND x.reset IS NOT DISTINCT FROM w.reset AND x.model_pattern = w.models
              AND (p_kind <> 'key' OR x.slot <> 'main')
            ORDER BY x.ended_at IS NOT NULL, x.budget_id LIMIT 1;
        IF NOT FOUND OR b.ended_at IS NOT NULL OR b.limit_nanos IS DISTINCT FROM w.nanos THEN
            b.budget_id := ledger_set_budget(
                p_customer_id, p_kind, p_scope_id, w.nanos, w.reset, coalesce(b.slot, w.slot), w.models);
        END IF;
        UPDATE ledger_budgets x SET thresholds = w.thresholds
            WHERE x.budget_id = b.budget_id AND x.thresholds <> w.thresholds;
        kept := kept || b.budget_id;
    END LOOP;
    FOR ended IN
        SELECT x.budget_id FROM ledger_budgets x
        WHERE (x.customer_id, x.scope_kind, x.scope_id) = (p_customer_id, p_kind, p_scope_id)
          AND x.ended_at IS NULL AND NOT x.budget_id = ANY (kept) AND (p_kind <> 'key' OR x.slot <> 'main')
        ORDER BY x.budget_id
    LOOP
        PERFORM ledger_end_budget(ended);
        UPDATE ledger_budgets SET raise_nanos = 0, raise_until = NULL WHERE budget_id = ended;
    END LOOP;
END $$;

-- Raises a limit until a moment, instead of any earlier raise; 0 takes the raise back. False: there is no such limit.
CREATE FUNCTION ledger_raise_limit(p_customer_id text, p_budget_id bigint, p_extra bigint, p_until timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_lock(ARRAY[p_budget_id]);
    UPDATE ledger_budgets SET raise_nanos = p_extra, raise_until = p_until, changed_at = now()
        WHERE (budget_id, customer_id) = (p_budget_id, p_customer_id) AND ended_at IS NULL AND limit_nanos IS NOT NULL;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM ledger_heighten(ARRAY[p_budget_id]);
    PERFORM pg_notify('tollhouse_ledger', 'changed:' || p_budget_id);
    RETURN true;
END $$;

-- Budgets that have not ended, with what stands in the account of the period that the clock says; a period that
-- nobody opened yet is empty.
CREATE VIEW ledger_limits AS
SELECT b.budget_id, b.customer_id, b.scope_kind, b.scope_id, b.slot, b.model_pattern, b.limit_nanos, b.thresholds,
    b.raise_nanos, CASE WHEN b.raise_until > now() THEN b.raise_until END AS raised_until,
    ledger_limit(b, now()) AS effective_nanos, b.reset::text AS reset,
    CASE WHEN o.over THEN ledger_next_reset(b.reset, now()) ELSE b.resets_at END AS resets_at,
    CASE WHEN o.over THEN 0 ELSE a.fired END AS fired,
    CASE WHEN o.over THEN 0 ELSE a.spent_nanos END AS spent_nanos,
    CASE WHEN o.over THEN 0 ELSE ledger_committed(a)::bigint - a.spent_nanos - a.doubt_nanos END AS held_nanos,
    CASE WHEN o.over THEN 0 ELSE a.doubt_nanos END AS doubt_nanos
FROM ledger_budgets b JOIN ledger_accounts a USING (budget_id, period_seq),
    LATERAL (SELECT coalesce(b.resets_at <= now(), false) AS over) o
WHERE b.ended_at IS NULL;

-- Crossed thresholds ----------------------------------------------------------------------------------------

ALTER TABLE ledger_events ADD given_up_at timestamptz;
DROP INDEX ledger_events_undelivered_idx;
CREATE INDEX ledger_events_undelivered_idx ON ledger_events (next_try_at)
    WHERE delivered_at IS NULL AND given_up_at IS NULL;

-- Takes events that are due, one of a customer, and keeps others from them for `p_hold`: if whoever took them dies,
-- they are taken again. Several processes share the work.
CREATE FUNCTION ledger_claim_events(p_most integer, p_hold interval) RETURNS SETOF ledger_events LANGUAGE sql AS $$
    WITH first AS (
        SELECT DISTINCT ON (customer_id) id FROM ledger_events
        WHERE delivered_at IS NULL AND given_up_at IS NULL AND next_try_at <= now()
        ORDER BY customer_id, id
    ), taken AS (
        SELECT e.id FROM ledger_events e JOIN first USING (id)
        WHERE e.delivered_at IS NULL AND e.given_up_at IS NULL AND e.next_try_at <= now()
        ORDER BY e.next_try_at LIMIT p_most FOR UPDATE OF e SKIP LOCKED
    )
    UPDATE ledger_events e SET attempts = e.attempts + 1, next_try_at = now() + p_hold
        FROM taken WHERE e.id = taken.id RETURNING e.*
$$;

CREATE FUNCTION ledger_event_delivered(p_id bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE ledger_events SET delivered_at = now(), last_error = NULL WHERE id = p_id AND delivered_at IS NULL
$$;

-- `p_wait` null: nobody tries again.
CREATE FUNCTION ledger_event_failed(p_id bigint, p_error text, p_wait interval) RETURNS void LANGUAGE sql AS $$
    UPDATE ledger_events SET last_error = p_error, next_try_at = coalesce(now() + p_wait, next_try_at),
        given_up_at = CASE WHEN p_wait IS NULL THEN now() END
    WHERE id = p_id AND delivered_at IS NULL
$$;

-- Where a customer wants to be told. The secret signs what is sent: it is shown once and never again.
CREATE TABLE webhooks (
    customer_id text PRIMARY KEY REFERENCES customers (id) ON DELETE CASCADE,
    url text NOT NULL,
    secret text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    last_tried_at timestamptz,
    last_status integer,
    last_error text
);
