-- name: user_of_customer$
-- Held until the key is there, so that its owner cannot vanish in between.
SELECT id FROM users WHERE id = :user_id AND customer_id = :customer_id FOR KEY SHARE;

-- name: team_of_customer$
SELECT id FROM teams WHERE id = :team_id AND customer_id = :customer_id FOR KEY SHARE;

-- name: member_policy$
SELECT settings -> 'member_keys' FROM customers WHERE id = :customer_id;

-- name: lock_maker!
-- One key of a person at a time, where they are counted.
SELECT pg_advisory_xact_lock(hashtextextended('keys of ' || :user_id::text, 0));
