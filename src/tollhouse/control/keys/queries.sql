-- name: user_of_customer$
-- Held until the key is there, so that its owner cannot vanish in between.
SELECT id FROM users WHERE id = :user_id AND customer_id = :customer_id FOR KEY SHARE;

-- name: team_of_customer$
SELECT id FROM teams WHERE id = :team_id AND customer_id = :customer_id FOR KEY SHARE;
