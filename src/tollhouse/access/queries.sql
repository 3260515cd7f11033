-- name: permit_by_hash^
-- Everything the road needs, by the hash that the caller's key has: one indexed read. A former secret of a rotated key
-- opens the same key until its end.
SELECT k.id, k.name, k.customer_id, k.user_id, k.team_id, k.disabled OR coalesce(u.disabled, false) AS disabled,
       least(k.expires_at, h.ends_at) AS expires_at, k.allowed_models, k.max_output_tokens, k.bound_policy,
       k.requests_per_minute, k.tokens_per_minute, k.concurrent_calls, k.tags,
       c.gateway_state, c.cf_gateway_id, c.cf_account_id, c.settings ->> 'credential_mode' AS credential_mode,
       (SELECT jsonb_agg(jsonb_build_array(b.budget_id, b.model_pattern) ORDER BY b.budget_id) FROM ledger_budgets b
        WHERE b.ended_at IS NULL AND (b.scope_kind, b.scope_id) IN (
            ('key', k.id), ('customer', k.customer_id), ('user', k.user_id), ('team', k.team_id))) AS budgets,
       CASE WHEN c.settings ->> 'credential_mode' = 'pass-through' THEN
           (SELECT jsonb_agg(jsonb_build_array(
                p.provider, encode(p.sealed, 'hex'), encode(p.wrapped, 'hex'), p.master_key_id))
            FROM provider_keys p WHERE p.customer_id = c.id) END AS provider_keys
FROM (SELECT id AS key_id, NULL::timestamptz AS ends_at FROM ai_gateway_keys WHERE key_hash = :key_hash
      UNION ALL
      SELECT key_id, ends_at FROM ai_gateway_retired_hashes WHERE key_hash = :key_hash) h
    JOIN ai_gateway_keys k ON k.id = h.key_id
    JOIN customers c ON c.id = k.customer_id LEFT JOIN users u ON u.id = k.user_id;

-- name: beginnings$
-- The first 8 bytes of every hash that opens something, packed: all keys and API tokens of the installation in one
-- small answer.
SELECT string_agg(decode(left(h.key_hash, 16), 'hex'), ''::bytea) FROM (
    SELECT key_hash FROM ai_gateway_keys UNION ALL SELECT key_hash FROM ai_gateway_retired_hashes
    UNION ALL SELECT token_hash FROM api_tokens) h;

-- name: token_by_hash^
-- Whose an API token is, where it opens the door for spans.
SELECT t.id, t.user_id, t.scopes, t.expires_at, t.last_used_at, u.customer_id, u.role,
    (SELECT min(m.team_id) FROM team_members m WHERE m.user_id = u.id HAVING count(*) = 1) AS team_id
FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE t.token_hash = :token_hash AND NOT u.disabled;

-- name: insert_key!
INSERT INTO ai_gateway_keys (id, customer_id, user_id, team_id, key_hash, display, name, budget_usd, budget_reset,
    allowed_models, max_output_tokens, bound_policy, disabled, expires_at, tags, requests_per_minute, tokens_per_minute,
    concurrent_calls, created_by_user_id, created_at)
VALUES (:id, :customer_id, :user_id, :team_id, :key_hash, :display, :name, :budget_usd,
    :budget_reset::ai_gateway_key_budget_reset, :allowed_models, :max_output_tokens, :bound_policy, :disabled, :expires_at,
    :tags, :requests_per_minute, :tokens_per_minute, :concurrent_calls, :created_by_user_id,
    coalesce(:made_at::timestamptz, now()));

-- name: update_key!
-- The whole editable part at once; the caller read the row under `key_for_update` in the same transaction.
UPDATE ai_gateway_keys SET name = :name, budget_usd = :budget_usd,
    budget_reset = :budget_reset::ai_gateway_key_budget_reset, allowed_models = :allowed_models,
    max_output_tokens = :max_output_tokens, bound_policy = :bound_policy, disabled = :disabled,
    expires_at = :expires_at, tags = :tags, requests_per_minute = :requests_per_minute,
    tokens_per_minute = :tokens_per_minute, concurrent_calls = :concurrent_calls
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

-- name: newest_keys
-- A page of a customer's keys, newest first: read off the index, so that the first page of very many is quick.
SELECT k.*, u.email AS owner_email, u.name AS owner_name, t.name AS team_name, '' AS word, 0::bigint AS number
FROM ai_gateway_keys k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN teams t ON t.id = k.team_id
    LEFT JOIN ledger_limits l ON :state::text IS NOT NULL
        AND l.customer_id = k.customer_id AND l.scope_kind = 'key' AND l.scope_id = k.id AND l.slot = 'main'
WHERE k.customer_id = :customer_id
    AND (:text::text = '' OR position(lower(:text) IN lower(concat_ws(
        ' ', k.name, k.display, k.key_hash, u.email, u.name, t.name, array_to_string(k.tags, ' ')))) > 0)
    AND (:user_id::text IS NULL OR k.user_id = :user_id)
    AND (:team_id::text IS NULL OR k.team_id = :team_id)
    AND (:tag::text IS NULL OR :tag = ANY (k.tags))
    AND (:state::text IS NULL OR :state = CASE
        WHEN k.disabled THEN 'disabled' WHEN k.expires_at <= :now THEN 'expired'
        WHEN l.spent_nanos + l.doubt_nanos >= l.effective_nanos THEN 'exhausted' ELSE 'active' END)
    AND (:after_at::timestamptz IS NULL OR k.created_at < :after_at
        OR (k.created_at = :after_at AND k.id > :after_id))
ORDER BY k.created_at DESC, k.id LIMIT :most;

-- name: sorted_keys
-- The same in another order: by a word or by a number, both of which the page before ended with.
SELECT k.*, u.email AS owner_email, u.name AS owner_name, t.name AS team_name, o.word, o.number
FROM ai_gateway_keys k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN teams t ON t.id = k.team_id
    LEFT JOIN ledger_limits l ON (:sort::text = 'spend' OR :state::text IS NOT NULL)
        AND l.customer_id = k.customer_id AND l.scope_kind = 'key' AND l.scope_id = k.id AND l.slot = 'main',
    LATERAL (SELECT CASE WHEN :sort::text = 'name' THEN lower(k.name) ELSE '' END COLLATE "C" AS word,
        (CASE :sort WHEN 'oldest' THEN extract(epoch FROM k.created_at) * 1000000
            WHEN 'last_used' THEN -extract(epoch FROM coalesce(k.last_used_at, 'epoch')) * 1000000
            WHEN 'spend' THEN -coalesce(l.spent_nanos, 0) ELSE 0 END)::bigint AS number) o
WHERE k.customer_id = :customer_id
    AND (:text::text = '' OR position(lower(:text) IN lower(concat_ws(
        ' ', k.name, k.display, k.key_hash, u.email, u.name, t.name, array_to_string(k.tags, ' ')))) > 0)
    AND (:user_id::text IS NULL OR k.user_id = :user_id)
    AND (:team_id::text IS NULL OR k.team_id = :team_id)
    AND (:tag::text IS NULL OR :tag = ANY (k.tags))
    AND (:state::text IS NULL OR :state = CASE
        WHEN k.disabled THEN 'disabled' WHEN k.expires_at <= :now THEN 'expired'
        WHEN l.spent_nanos + l.doubt_nanos >= l.effective_nanos THEN 'exhausted' ELSE 'active' END)
    AND (:after_word::text IS NULL
        OR (o.word, o.number, k.id) > (:after_word COLLATE "C", :after_number::bigint, :after_id::text))
ORDER BY o.word, o.number, k.id LIMIT :most;

-- name: key_totals
-- What all keys that are found come to, by state.
SELECT s.state, count(*) AS keys, coalesce(sum(l.spent_nanos), 0)::bigint AS spent_nanos
FROM ai_gateway_keys k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN teams t ON t.id = k.team_id
    LEFT JOIN ledger_limits l
        ON l.customer_id = k.customer_id AND l.scope_kind = 'key' AND l.scope_id = k.id AND l.slot = 'main',
    LATERAL (SELECT CASE WHEN k.disabled THEN 'disabled' WHEN k.expires_at <= :now THEN 'expired'
        WHEN l.spent_nanos + l.doubt_nanos >= l.effective_nanos THEN 'exhausted' ELSE 'active' END AS state) s
WHERE k.customer_id = :customer_id
    AND (:text::text = '' OR position(lower(:text) IN lower(concat_ws(
        ' ', k.name, k.display, k.key_hash, u.email, u.name, t.name, array_to_string(k.tags, ' ')))) > 0)
    AND (:user_id::text IS NULL OR k.user_id = :user_id)
    AND (:team_id::text IS NULL OR k.team_id = :team_id)
    AND (:tag::text IS NULL OR :tag = ANY (k.tags))
    AND (:state::text IS NULL OR s.state = :state)
GROUP BY s.state;

-- name: count_keys_of_maker$
-- How many keys a person has made for themselves or their teams.
SELECT count(*) FROM ai_gateway_keys
WHERE customer_id = :customer_id AND (user_id = :user_id OR created_by_user_id = :user_id);

-- name: lock_keys
-- In the order of their ids, whatever order they are asked in.
SELECT k.*, u.email AS owner_email, u.name AS owner_name, t.name AS team_name
FROM ai_gateway_keys k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN teams t ON t.id = k.team_id
WHERE k.customer_id = :customer_id AND k.key_hash = ANY (:key_hashes::text[]) ORDER BY k.id FOR UPDATE OF k;

-- name: set_disabled!
UPDATE ai_gateway_keys SET disabled = :disabled WHERE customer_id = :customer_id AND id = ANY (:key_ids::text[]);

-- name: forget_retired!
DELETE FROM ai_gateway_retired_hashes WHERE key_id = :key_id AND ends_at <= :now;

-- name: retire_hash!
INSERT INTO ai_gateway_retired_hashes (key_hash, key_id, ends_at) VALUES (:key_hash, :key_id, :ends_at);

-- name: end_retired!
-- All former secrets end now.
DELETE FROM ai_gateway_retired_hashes WHERE key_id = :key_id;

-- name: set_hash!
UPDATE ai_gateway_keys SET key_hash = :key_hash, display = :display WHERE id = :id AND customer_id = :customer_id;

-- name: keys_of_user
-- A user's own keys and those of the user's teams.
SELECT k.*, u.email AS owner_email, u.name AS owner_name, t.name AS team_name
FROM ai_gateway_keys k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN teams t ON t.id = k.team_id
WHERE k.customer_id = :customer_id
  AND (k.user_id = :user_id OR k.team_id IN (SELECT team_id FROM team_members WHERE user_id = :user_id))
ORDER BY k.created_at DESC, k.id;

-- Provider keys ----------------------------------------------------------------------------------------------

-- name: put_provider_key^
-- A key that replaces another is as new as one that replaces none.
INSERT INTO provider_keys (customer_id, provider, sealed, wrapped, master_key_id, display, created_by_user_id)
VALUES (:customer_id, :provider, :sealed, :wrapped, :master_key_id, :display, :created_by_user_id)
ON CONFLICT (customer_id, provider) DO UPDATE SET sealed = excluded.sealed, wrapped = excluded.wrapped,
    master_key_id = excluded.master_key_id, display = excluded.display, created_at = excluded.created_at,
    created_by_user_id = excluded.created_by_user_id
RETURNING *;

-- name: provider_key^
SELECT * FROM provider_keys WHERE customer_id = :customer_id AND provider = :provider;

-- name: provider_key_for_update^
-- Whoever replaces it writes down what it replaced.
SELECT * FROM provider_keys WHERE customer_id = :customer_id AND provider = :provider FOR UPDATE;

-- name: provider_keys_of
SELECT * FROM provider_keys WHERE customer_id = :customer_id ORDER BY provider;

-- name: delete_provider_key^
DELETE FROM provider_keys WHERE customer_id = :customer_id AND provider = :provider RETURNING *;

-- name: provider_keys_after
-- All of the installation, in pieces.
SELECT * FROM provider_keys WHERE (customer_id, provider) > (:customer_id, :provider)
ORDER BY customer_id, provider LIMIT :most;

-- name: rewrap_provider_key$
-- Only what was looked at: whatever was stored meanwhile stays.
UPDATE provider_keys SET wrapped = :wrapped, master_key_id = :master_key_id
WHERE customer_id = :customer_id AND provider = :provider AND sealed = :sealed AND wrapped = :seen_wrapped
RETURNING true;

-- name: date_last_use!
UPDATE ai_gateway_keys k SET last_used_at = u.at
FROM unnest(:key_ids::text[], :moments::timestamptz[]) AS u (id, at)
WHERE k.id = u.id AND k.customer_id = :customer_id;
