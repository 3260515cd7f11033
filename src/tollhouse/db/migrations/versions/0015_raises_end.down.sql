CREATE OR REPLACE FUNCTION ledger_set_budget(
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
CREATE OR REPLACE FUNCTION ledger_end_budget(p_budget_id bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_lock(ARRAY[p_budget_id]);
    UPDATE ledger_budgets SET ended_at = now(), changed_at = now() WHERE budget_id = p_budget_id AND ended_at IS NULL;
    IF NOT FOUND THEN RETURN; END IF;
    PERFORM ledger_heighten(ARRAY[p_budget_id]);
    PERFORM pg_notify('tollhouse_ledger', 'changed:' || p_budget_id);
END $$;
