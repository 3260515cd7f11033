-- name: lock_customer!
-- Changes to who is an admin wait for each other, so that one admin is always left.
SELECT 1 FROM customers WHERE id = :customer_id FOR NO KEY UPDATE;

-- People -----------------------------------------------------------------------------------------------------

-- name: insert_user^
INSERT INTO users (id, customer_id, email, name, role, password_hash)
VALUES (:id, :customer_id, :email, :name, :role, :password_hash) RETURNING *;

-- name: date_joining!
UPDATE users SET created_at = :at WHERE customer_id = :customer_id;

-- name: user_by_email^
-- Signing in: one address is one person of one customer.
SELECT * FROM users WHERE lower(email) = lower(:email);

-- name: owner_of_session$
SELECT user_id FROM sessions WHERE token_hash = :token_hash AND revoked_at IS NULL AND expires_at > :now;

-- name: user_for_session^
-- Read again when the session is made: the check of a password takes long enough for things to change.
SELECT * FROM users WHERE id = :user_id AND NOT disabled FOR KEY SHARE;

-- name: listed_user^
SELECT u.*, u.password_hash IS NOT NULL AS has_password,
    (SELECT count(*) FROM ai_gateway_keys k WHERE k.user_id = u.id) AS keys,
    (SELECT jsonb_agg(jsonb_build_array(t.id, t.name) ORDER BY t.name)
     FROM team_members m JOIN teams t ON t.id = m.team_id WHERE m.user_id = u.id) AS teams
FROM users u WHERE u.id = :user_id AND u.customer_id = :customer_id;

-- name: users_of_customer
-- Text is looked for as it is typed: `%` and `_` are no wildcards.
SELECT u.*, u.password_hash IS NOT NULL AS has_password,
    (SELECT count(*) FROM ai_gateway_keys k WHERE k.user_id = u.id) AS keys,
    (SELECT jsonb_agg(jsonb_build_array(t.id, t.name) ORDER BY t.name)
     FROM team_members m JOIN teams t ON t.id = m.team_id WHERE m.user_id = u.id) AS teams
FROM users u
WHERE u.customer_id = :customer_id
    AND (position(lower(:text::text) IN lower(u.email)) > 0 OR position(lower(:text::text) IN lower(u.name)) > 0)
    AND (:role::text IS NULL OR u.role = :role)
    AND (:disabled::boolean IS NULL OR u.disabled = :disabled)
    AND (:team_id::text IS NULL
        OR EXISTS (SELECT 1 FROM team_members m WHERE m.user_id = u.id AND m.team_id = :team_id))
    AND (:after_name::text IS NULL OR (lower(u.name), u.id) > (lower(:after_name), :after_id::text))
ORDER BY lower(u.name), u.id LIMIT :most;

-- name: update_user^
UPDATE users SET name = :name, role = :role, disabled = :disabled
WHERE id = :user_id AND customer_id = :customer_id RETURNING *;

-- name: delete_user!
-- Keys stay as the customer's, disabled, and the ledger stays as it is: see the trigger on users.
DELETE FROM users WHERE id = :user_id AND customer_id = :customer_id;

-- name: count_admins$
-- Who could still sign in; somebody without a password may come through the customer's identity provider.
SELECT count(*) FROM users WHERE customer_id = :customer_id AND role = 'admin' AND NOT disabled;

-- name: profile^
SELECT u.*, c.name AS customer_name FROM users u JOIN customers c ON c.id = u.customer_id
WHERE u.id = :user_id AND u.customer_id = :customer_id;

-- Teams ------------------------------------------------------------------------------------------------------

-- name: teams_of_user
SELECT t.id, t.name, m.role FROM team_members m JOIN teams t ON t.id = m.team_id
WHERE m.user_id = :user_id AND t.customer_id = :customer_id ORDER BY t.name;

-- name: teams_of_customer
SELECT t.*, (SELECT count(*) FROM ai_gateway_keys k WHERE k.team_id = t.id) AS keys,
    (SELECT jsonb_agg(jsonb_build_array(u.id, u.email, u.name, m.role, u.disabled) ORDER BY m.role, u.name, u.id)
     FROM team_members m JOIN users u ON u.id = m.user_id WHERE m.team_id = t.id) AS members
FROM teams t WHERE t.customer_id = :customer_id ORDER BY t.name, t.id;

-- name: team_by_id^
SELECT t.*, (SELECT count(*) FROM ai_gateway_keys k WHERE k.team_id = t.id) AS keys,
    (SELECT jsonb_agg(jsonb_build_array(u.id, u.email, u.name, m.role, u.disabled) ORDER BY m.role, u.name, u.id)
     FROM team_members m JOIN users u ON u.id = m.user_id WHERE m.team_id = t.id) AS members
FROM teams t WHERE t.id = :team_id AND t.customer_id = :customer_id;

-- name: people_for_team
-- Those who could be put into it, by the beginning of an address or of a word of the name.
SELECT u.id, u.name, u.email FROM users u
WHERE u.customer_id = :customer_id AND NOT u.disabled
    AND (starts_with(lower(u.email), lower(:text)) OR position(' ' || lower(:text) IN ' ' || lower(u.name)) > 0)
    AND NOT EXISTS (SELECT 1 FROM team_members m WHERE m.user_id = u.id AND m.team_id = :team_id)
ORDER BY lower(u.name), u.id LIMIT :most;

-- name: lock_team$
SELECT id FROM teams WHERE id = :team_id AND customer_id = :customer_id FOR NO KEY UPDATE;

-- name: insert_team^
INSERT INTO teams (id, customer_id, name) VALUES (:id, :customer_id, :name) RETURNING *;

-- name: rename_team!
UPDATE teams SET name = :name WHERE id = :team_id AND customer_id = :customer_id;

-- name: delete_team!
DELETE FROM teams WHERE id = :team_id AND customer_id = :customer_id;

-- name: add_member^
-- Only people and teams of one customer meet; no row when either is not theirs.
INSERT INTO team_members (team_id, user_id, role)
SELECT t.id, u.id, :role FROM teams t JOIN users u ON u.customer_id = t.customer_id
WHERE t.id = :team_id AND u.id = :user_id AND t.customer_id = :customer_id
ON CONFLICT (team_id, user_id) DO UPDATE SET role = excluded.role
RETURNING team_id;

-- name: remove_member!
DELETE FROM team_members WHERE team_id = :team_id AND user_id = :user_id;

-- Sessions ---------------------------------------------------------------------------------------------------

-- name: forget_ended_sessions!
-- On the way in, so that sessions do not pile up and no loop is needed for it.
DELETE FROM sessions WHERE user_id = :user_id AND (expires_at <= :now OR revoked_at IS NOT NULL);

-- name: insert_session!
INSERT INTO sessions (id, user_id, token_hash, address, expires_at)
VALUES (:id, :user_id, :token_hash, :address, :expires_at);

-- name: sessions_of_user
SELECT id, address, created_at, expires_at FROM sessions
WHERE user_id = :user_id AND revoked_at IS NULL AND expires_at > :now ORDER BY created_at DESC, id LIMIT 200;

-- name: revoke_session^
UPDATE sessions SET revoked_at = :now WHERE id = :session_id AND user_id = :user_id AND revoked_at IS NULL
RETURNING id;

-- name: end_sessions!
-- All of a person's: another role or another password begins with signing in.
DELETE FROM sessions WHERE user_id = :user_id;

-- Passwords --------------------------------------------------------------------------------------------------

-- name: set_password!
UPDATE users SET password_hash = :password_hash WHERE id = :user_id;

-- name: forget_resets!
DELETE FROM password_resets WHERE user_id = :user_id;

-- name: insert_reset!
INSERT INTO password_resets (id, user_id, token_hash, expires_at) VALUES (:id, :user_id, :token_hash, :expires_at);

-- name: reset_by_token^
SELECT user_id FROM password_resets WHERE token_hash = :token_hash AND expires_at > :now;

-- name: use_reset^
-- Once: whoever deletes the row has it.
DELETE FROM password_resets WHERE token_hash = :token_hash AND expires_at > :now RETURNING user_id;

-- Identities -------------------------------------------------------------------------------------------------

-- name: user_by_identity$
SELECT user_id FROM user_identities WHERE issuer = :issuer AND subject = :subject;

-- name: insert_identity$
-- Nothing, when the subject or the person is bound already.
INSERT INTO user_identities (issuer, subject, user_id) VALUES (:issuer, :subject, :user_id)
ON CONFLICT DO NOTHING RETURNING user_id;

-- name: delete_identities
DELETE FROM user_identities WHERE user_id = :user_id RETURNING issuer;

-- Invitations ------------------------------------------------------------------------------------------------

-- name: insert_invitation$
INSERT INTO invitations (id, customer_id, email, name, role, team_ids, token_hash, expires_at)
VALUES (:id, :customer_id, :email, :name, :role, :team_ids, :token_hash, :expires_at) RETURNING id;

-- name: invitations_of_customer
SELECT i.*, c.name AS customer_name FROM invitations i JOIN customers c ON c.id = i.customer_id
WHERE i.customer_id = :customer_id ORDER BY i.created_at DESC, i.id;

-- name: invitation_by_id^
SELECT i.*, c.name AS customer_name FROM invitations i JOIN customers c ON c.id = i.customer_id
WHERE i.id = :id AND i.customer_id = :customer_id;

-- name: invitation_by_token^
SELECT i.*, c.name AS customer_name FROM invitations i JOIN customers c ON c.id = i.customer_id
WHERE i.token_hash = :token_hash AND i.expires_at > :now;

-- name: open_invitations_to
-- Of whatever customer. Two are enough to know that it is not one; they stay until the transaction ends.
SELECT token_hash FROM invitations WHERE lower(email) = lower(:email) AND expires_at > :now LIMIT 2 FOR UPDATE;

-- name: use_invitation^
-- Once: whoever deletes the row has it.
DELETE FROM invitations WHERE token_hash = :token_hash AND expires_at > :now RETURNING *;

-- name: count_invitations$
SELECT count(*) FROM invitations WHERE customer_id = :customer_id;

-- name: forget_invitations!
DELETE FROM invitations WHERE customer_id = :customer_id AND lower(email) = lower(:email);

-- name: delete_invitation!
DELETE FROM invitations WHERE id = :id AND customer_id = :customer_id;

-- API tokens -------------------------------------------------------------------------------------------------

-- name: tokens_of_user
SELECT * FROM api_tokens WHERE user_id = :user_id ORDER BY created_at DESC, id;

-- name: count_tokens$
SELECT count(*) FROM api_tokens WHERE user_id = :user_id;

-- name: insert_token^
INSERT INTO api_tokens (id, user_id, token_hash, display, name, scopes, expires_at)
VALUES (:id, :user_id, :token_hash, :display, :name, :scopes, :expires_at) RETURNING *;

-- name: token_for_update^
SELECT t.*, u.customer_id FROM api_tokens t JOIN users u ON u.id = t.user_id
WHERE t.id = :token_id AND u.customer_id = :customer_id FOR UPDATE OF t;

-- name: delete_token!
DELETE FROM api_tokens WHERE id = :token_id;
