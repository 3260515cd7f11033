-- name: made_at$
SELECT created_at FROM customers WHERE id = :customer_id;

-- name: whose_by_email^
-- A person, and the team where there is only one.
SELECT u.id AS user_id, t.team_id FROM users u
    LEFT JOIN LATERAL (
        SELECT min(m.team_id) AS team_id FROM team_members m WHERE m.user_id = u.id HAVING count(*) = 1) t ON true
WHERE u.customer_id = :customer_id AND u.email = :email;

-- name: date_keys!
-- Used last by their last call: the book takes the moment at which it hears of one.
UPDATE ai_gateway_keys k SET last_used_at = (SELECT max(r.started_at) FROM receipts r WHERE r.key_id = k.id)
WHERE k.customer_id = :customer_id;

-- name: date_people!
-- Whoever has a key was there before it.
UPDATE users SET created_at = (SELECT min(k.created_at) FROM ai_gateway_keys k WHERE k.customer_id = :customer_id)
WHERE customer_id = :customer_id;
