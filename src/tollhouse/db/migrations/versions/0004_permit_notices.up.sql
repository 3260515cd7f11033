-- Whoever remembers permits hears at once that a customer's may be others now. By trigger, so that no statement can
-- forget it. What the ledger writes on a key (spend, last use) is not among the columns: it changes no permit.
CREATE FUNCTION permits_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tollhouse_permits', CASE TG_TABLE_NAME WHEN 'customers' THEN OLD.id ELSE to_jsonb(OLD) ->> 'customer_id' END);
    RETURN NULL;
END $$;

CREATE TRIGGER ai_gateway_keys_permits AFTER DELETE OR UPDATE OF
    user_id, team_id, key_hash, allowed_models, max_output_tokens, bound_policy, disabled, expires_at
    ON ai_gateway_keys FOR EACH ROW EXECUTE FUNCTION permits_changed();

CREATE TRIGGER users_permits AFTER UPDATE OF disabled ON users FOR EACH ROW EXECUTE FUNCTION permits_changed();

CREATE TRIGGER customers_permits AFTER UPDATE OF gateway_state, cf_gateway_id, cf_account_id, settings
    ON customers FOR EACH ROW EXECUTE FUNCTION permits_changed();
