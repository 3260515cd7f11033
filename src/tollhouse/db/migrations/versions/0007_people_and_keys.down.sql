DROP INDEX audit_log_customer_at_idx;

DROP TABLE leftover_gateways;

DROP TRIGGER teams_leave_keys ON teams;
DROP TRIGGER users_leave_keys ON users;
DROP FUNCTION keys_lose_their_owner();
DROP TRIGGER ai_gateway_keys_made ON ai_gateway_keys;
DROP FUNCTION key_made();
DROP TABLE ai_gateway_retired_hashes;
DROP TRIGGER ai_gateway_keys_permits ON ai_gateway_keys;
CREATE INDEX ai_gateway_keys_customer_id_idx ON ai_gateway_keys (customer_id);
DROP INDEX ai_gateway_keys_customer_created_idx;
ALTER TABLE ai_gateway_keys DROP tags, DROP requests_per_minute, DROP tokens_per_minute, DROP concurrent_calls;
CREATE TRIGGER ai_gateway_keys_permits AFTER DELETE OR UPDATE OF
    user_id, team_id, key_hash, allowed_models, max_output_tokens, bound_policy, disabled, expires_at
    ON ai_gateway_keys FOR EACH ROW EXECUTE FUNCTION permits_changed();

DROP TABLE password_resets;
DROP TABLE invitations;
ALTER TABLE api_tokens DROP scopes;
ALTER TABLE sessions DROP address;
