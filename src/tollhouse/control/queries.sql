-- name: append_audit!
INSERT INTO audit_log (customer_id, actor, action, subject, before, after, address)
VALUES (:customer_id, :actor, :action, :subject, :before, :after, :address);

-- name: person_by_session^
-- Asked on every request of the dashboard: one indexed read brings the person, the role and the teams.
SELECT u.id, u.customer_id, u.email, u.name, u.role, s.id AS credential_id, NULL::text[] AS scopes,
    ARRAY (SELECT m.team_id FROM team_members m WHERE m.user_id = u.id) AS team_ids,
    ARRAY (SELECT m.team_id FROM team_members m WHERE m.user_id = u.id AND m.role = 'lead') AS leads
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.token_hash = :token_hash AND s.revoked_at IS NULL AND s.expires_at > :now AND NOT u.disabled;

-- name: person_by_token^
SELECT u.id, u.customer_id, u.email, u.name, u.role, t.id AS credential_id, t.scopes, t.last_used_at,
    ARRAY (SELECT m.team_id FROM team_members m WHERE m.user_id = u.id) AS team_ids,
    ARRAY (SELECT m.team_id FROM team_members m WHERE m.user_id = u.id AND m.role = 'lead') AS leads
FROM api_tokens t JOIN users u ON u.id = t.user_id
WHERE t.token_hash = :token_hash AND (t.expires_at IS NULL OR t.expires_at > :now) AND NOT u.disabled;

-- name: touch_token!
UPDATE api_tokens SET last_used_at = :now WHERE id = :id;
