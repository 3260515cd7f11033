-- name: owners_of
-- Whom budgets hang on, and whose they are, by id. Budgets of what was deleted are in the book still: no owner here.
SELECT 'key' AS kind, k.id, k.name, k.key_hash, k.user_id, k.team_id
FROM ai_gateway_keys k WHERE k.customer_id = :customer_id AND k.id = ANY (:ids::text[])
UNION ALL
SELECT 'user', u.id, u.name, NULL, u.id, NULL
FROM users u WHERE u.customer_id = :customer_id AND u.id = ANY (:ids::text[])
UNION ALL
SELECT 'team', t.id, t.name, NULL, NULL, t.id
FROM teams t WHERE t.customer_id = :customer_id AND t.id = ANY (:ids::text[])
UNION ALL
SELECT 'customer', c.id, c.name, NULL, NULL, NULL
FROM customers c WHERE c.id = :customer_id AND c.id = ANY (:ids::text[]);

-- name: scopes_near
-- What is a person's own or their teams'.
SELECT k.id FROM ai_gateway_keys k
WHERE k.customer_id = :customer_id AND (k.user_id = :user_id OR k.team_id = ANY (:team_ids::text[]));

-- name: owner^
-- One by its id; a key also by its hash.
SELECT o.* FROM (
    SELECT 'key' AS kind, k.id, k.name, k.key_hash, k.user_id, k.team_id
    FROM ai_gateway_keys k WHERE k.customer_id = :customer_id
    UNION ALL
    SELECT 'user', u.id, u.name, NULL, u.id, NULL FROM users u WHERE u.customer_id = :customer_id
    UNION ALL
    SELECT 'team', t.id, t.name, NULL, NULL, t.id FROM teams t WHERE t.customer_id = :customer_id
    UNION ALL
    SELECT 'customer', c.id, c.name, NULL, NULL, NULL FROM customers c WHERE c.id = :customer_id
) o
WHERE o.kind = :kind AND (o.id = :id OR o.key_hash = :id);
