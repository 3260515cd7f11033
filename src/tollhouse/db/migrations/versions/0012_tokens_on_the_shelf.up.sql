-- API tokens let spans in, many a second: a flood of invented ones must end before it reaches the table, as that of
-- keys does. The notice is the same: the beginning of a hash that opens something.
CREATE FUNCTION token_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tollhouse_keys', left(NEW.token_hash, 16));
    RETURN NULL;
END $$;
CREATE TRIGGER api_tokens_made AFTER INSERT OR UPDATE OF token_hash
    ON api_tokens FOR EACH ROW EXECUTE FUNCTION token_made();

-- A token that ends, or whose owner changes, is asked for anew at once: permits of its customer are, too.
CREATE FUNCTION token_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tollhouse_permits', u.customer_id) FROM users u WHERE u.id = OLD.user_id;
    RETURN NULL;
END $$;
CREATE TRIGGER api_tokens_ended AFTER DELETE OR UPDATE OF token_hash, scopes, expires_at
    ON api_tokens FOR EACH ROW EXECUTE FUNCTION token_ended();
