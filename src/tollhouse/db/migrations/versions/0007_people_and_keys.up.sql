-- Invitations, password links, narrow tokens; keys that rotate and have limits of calls; customers that end.

-- People -----------------------------------------------------------------------------------------------------

ALTER TABLE sessions ADD address text;
ALTER TABLE api_tokens ADD scopes text[]; -- null: whatever its owner may do

-- Used once: whoever deletes the row has it.
CREATE TABLE invitations (
    id text PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'manager', 'member')),
    team_ids text[] NOT NULL DEFAULT '{}', -- of teams that may be gone when it is used
    token_hash text NOT NULL UNIQUE,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX invitations_email_key ON invitations (customer_id, lower(email));

CREATE TABLE password_resets (
    id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash text NOT NULL UNIQUE,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX password_resets_user_id_idx ON password_resets (user_id);

-- Keys -------------------------------------------------------------------------------------------------------

ALTER TABLE ai_gateway_keys
    ADD tags text[] NOT NULL DEFAULT '{}',
    ADD requests_per_minute integer CHECK (requests_per_minute > 0),
    ADD tokens_per_minute bigint CHECK (tokens_per_minute > 0),
    ADD concurrent_calls integer CHECK (concurrent_calls > 0);
CREATE INDEX ai_gateway_keys_customer_created_idx ON ai_gateway_keys (customer_id, created_at DESC, id);
DROP INDEX ai_gateway_keys_customer_id_idx;

-- Former secrets of rotated keys: they open the same key until their end.
CREATE TABLE ai_gateway_retired_hashes (
    key_hash text PRIMARY KEY CHECK (key_hash ~ '^[0-9a-f]{64}$'),
    key_id text NOT NULL REFERENCES ai_gateway_keys (id) ON DELETE CASCADE,
    ends_at timestamptz NOT NULL
);
CREATE INDEX ai_gateway_retired_hashes_key_id_idx ON ai_gateway_retired_hashes (key_id);

-- Whoever keeps in mind which keys there are hears of new ones: the beginning of the hash is enough to know one again.
CREATE FUNCTION key_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tollhouse_keys', left(NEW.key_hash, 16));
    RETURN NULL;
END $$;
CREATE TRIGGER ai_gateway_keys_made AFTER INSERT OR UPDATE OF key_hash
    ON ai_gateway_keys FOR EACH ROW EXECUTE FUNCTION key_made();

-- A key whose owner goes away becomes the customer's; somebody may still have it, so it opens nothing any more.
CREATE FUNCTION keys_lose_their_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'users' THEN
        UPDATE ai_gateway_keys SET disabled = true WHERE user_id = OLD.id;
    ELSE
        UPDATE ai_gateway_keys SET disabled = true WHERE team_id = OLD.id;
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER users_leave_keys BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION keys_lose_their_owner();
CREATE TRIGGER teams_leave_keys BEFORE DELETE ON teams FOR EACH ROW EXECUTE FUNCTION keys_lose_their_owner();

DROP TRIGGER ai_gateway_keys_permits ON ai_gateway_keys;
CREATE TRIGGER ai_gateway_keys_permits AFTER DELETE OR UPDATE OF
    user_id, team_id, key_hash, allowed_models, max_output_tokens, bound_policy, disabled, expires_at,
    tags, requests_per_minute, tokens_per_minute, concurrent_calls
    ON ai_gateway_keys FOR EACH ROW EXECUTE FUNCTION permits_changed();

-- Customers --------------------------------------------------------------------------------------------------

-- Gateways at Cloudflare that belong to nobody: of a registration that is not finished, or of a customer that ended.
-- A row is written before a gateway is made and goes with the customer's row; whatever is left over is removed.
CREATE TABLE leftover_gateways (
    account_id text NOT NULL,
    gateway_id text NOT NULL,
    due_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    error text,
    PRIMARY KEY (account_id, gateway_id)
);
CREATE INDEX leftover_gateways_due_idx ON leftover_gateways (due_at);

CREATE INDEX audit_log_customer_at_idx ON audit_log (customer_id, at DESC, id DESC);
