-- name: made_at$
SELECT created_at FROM customers WHERE id = :customer_id;

-- name: whose_by_email^
-- A person, and the team where there is only one.
SELECT u.id AS user_id, t.team_id FROM users u
    LEFT JOIN LATERAL (
        SELECT min(m.team_id) AS team_id FROM team_members m WHERE m.user_id = u.id HAVING count(*) = 1) t ON true
WHERE u.customer_id = :customer_id AND u.email = :email;
