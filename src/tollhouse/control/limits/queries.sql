-- name: owners
-- Whom budgets hang on, and whose they are; one of them by its id (a key also by its hash) if that is given. Budgets
-- of what was deleted are in the book still: they have no owner here.
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
WHERE :kind::text IS NULL OR (o.kind = :kind AND (o.id = :id OR o.key_hash = :id));
