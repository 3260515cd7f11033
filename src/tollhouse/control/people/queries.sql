-- name: insert_user^
INSERT INTO users (id, customer_id, email, name, role, password_hash)
VALUES (:id, :customer_id, :email, :name, :role, :password_hash) RETURNING *;

-- name: user_by_email^
-- Signing in: one address is one person of one customer.
SELECT * FROM users WHERE lower(email) = lower(:email);

-- name: user_for_session^
-- Read again when the session is made: the check of a password takes long enough for things to change.
SELECT * FROM users WHERE id = :user_id AND NOT disabled FOR KEY SHARE;

-- name: profile^
SELECT u.*, c.name AS customer_name FROM users u JOIN customers c ON c.id = u.customer_id
WHERE u.id = :user_id AND u.customer_id = :customer_id;

-- name: teams_of_user
SELECT t.id, t.name, m.role FROM team_members m JOIN teams t ON t.id = m.team_id
WHERE m.user_id = :user_id AND t.customer_id = :customer_id ORDER BY t.name;

-- name: insert_team^
INSERT INTO teams (id, customer_id, name) VALUES (:id, :customer_id, :name) RETURNING *;

-- name: add_member^
-- Only people and teams of one customer meet; no row when either is not theirs.
INSERT INTO team_members (team_id, user_id, role)
SELECT t.id, u.id, :role FROM teams t JOIN users u ON u.customer_id = t.customer_id
WHERE t.id = :team_id AND u.id = :user_id AND t.customer_id = :customer_id
ON CONFLICT (team_id, user_id) DO UPDATE SET role = excluded.role
RETURNING team_id;

-- name: forget_ended_sessions!
-- On the way in, so that sessions do not pile up and no loop is needed for it.
DELETE FROM sessions WHERE user_id = :user_id AND (expires_at <= :now OR revoked_at IS NOT NULL);

-- name: insert_session!
INSERT INTO sessions (id, user_id, token_hash, expires_at) VALUES (:id, :user_id, :token_hash, :expires_at);

-- name: revoke_session!
UPDATE sessions SET revoked_at = :now WHERE id = :session_id AND revoked_at IS NULL;

-- name: tokens_of_user
SELECT * FROM api_tokens WHERE user_id = :user_id ORDER BY created_at DESC, id;

-- name: count_tokens$
SELECT count(*) FROM api_tokens WHERE user_id = :user_id;

-- name: insert_token^
INSERT INTO api_tokens (id, user_id, token_hash, display, name, expires_at)
VALUES (:id, :user_id, :token_hash, :display, :name, :expires_at) RETURNING *;

-- name: token_for_update^
SELECT t.*, u.customer_id FROM api_tokens t JOIN users u ON u.id = t.user_id
WHERE t.id = :token_id AND u.customer_id = :customer_id FOR UPDATE OF t;

-- name: delete_token!
DELETE FROM api_tokens WHERE id = :token_id;
