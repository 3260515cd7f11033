-- name: permit_by_hash^
-- Everything the road needs, by the hash that the caller's key has: one indexed read.
SELECT k.id, k.name, k.customer_id, k.user_id, k.team_id, k.disabled OR coalesce(u.disabled, false) AS disabled,
       k.expires_at, k.allowed_models, k.max_output_tokens, k.bound_policy,
       c.gateway_state, c.cf_gateway_id, c.cf_account_id, c.settings ->> 'credential_mode' AS credential_mode,
       (SELECT jsonb_agg(jsonb_build_array(b.budget_id, b.model_pattern) ORDER BY b.budget_id) FROM ledger_budgets b
        WHERE b.ended_at IS NULL AND (b.scope_kind, b.scope_id) IN (
            ('key', k.id), ('customer', k.customer_id), ('user', k.user_id), ('team', k.team_id))) AS budgets
FROM ai_gateway_keys k JOIN customers c ON c.id = k.customer_id LEFT JOIN users u ON u.id = k.user_id
WHERE k.key_hash = :key_hash;

-- name: insert_key!
INSERT INTO ai_gateway_keys (id, customer_id, user_id, team_id, key_hash, display, name, budget_usd, budget_reset,
    allowed_models, max_output_tokens, bound_policy, expires_at, created_by_user_id)
VALUES (:id, :customer_id, :user_id, :team_id, :key_hash, :display, :name, :budget_usd,
    :budget_reset::ai_gateway_key_budget_reset, :allowed_models, :max_output_tokens, :bound_policy, :expires_at,
    :created_by_user_id);

-- name: update_key!
-- The whole editable part at once; the caller read the row under `key_for_update` in the same transaction.
UPDATE ai_gateway_keys SET name = :name, budget_usd = :budget_usd,
    budget_reset = :budget_reset::ai_gateway_key_budget_reset, allowed_models = :allowed_models,
    max_output_tokens = :max_output_tokens, bound_policy = :bound_policy, disabled = :disabled,
    expires_at = :expires_at
WHERE id = :id AND customer_id = :customer_id;

-- name: delete_key!
DELETE FROM ai_gateway_keys WHERE id = :id AND customer_id = :customer_id;

-- name: key_for_update^
-- Locks the key against other editors; the ledger's budget is changed in the same transaction.
SELECT k.*, u.email AS owner_email, u.name AS owner_name, t.name AS team_name
FROM ai_gateway_keys k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN teams t ON t.id = k.team_id
WHERE k.key_hash = :key_hash AND k.customer_id = :customer_id FOR UPDATE OF k;

-- name: key_by_hash^
SELECT k.*, u.email AS owner_email, u.name AS owner_name, t.name AS team_name
FROM ai_gateway_keys k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN teams t ON t.id = k.team_id
WHERE k.key_hash = :key_hash AND k.customer_id = :customer_id;

-- name: keys_of_customer
SELECT k.*, u.email AS owner_email, u.name AS owner_name, t.name AS team_name
FROM ai_gateway_keys k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN teams t ON t.id = k.team_id
WHERE k.customer_id = :customer_id ORDER BY k.created_at DESC, k.id;

-- name: keys_of_user
-- A user's own keys and those of the user's teams.
SELECT k.*, u.email AS owner_email, u.name AS owner_name, t.name AS team_name
FROM ai_gateway_keys k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN teams t ON t.id = k.team_id
WHERE k.customer_id = :customer_id
  AND (k.user_id = :user_id OR k.team_id IN (SELECT team_id FROM team_members WHERE user_id = :user_id))
ORDER BY k.created_at DESC, k.id;
