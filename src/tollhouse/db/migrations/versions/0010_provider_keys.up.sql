-- Customers' own keys for providers, each in an envelope (see foundation/sealing.py).
CREATE TABLE provider_keys (
    customer_id text NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    provider text NOT NULL CHECK (provider ~ '^[a-z0-9-]{1,64}$'),
    sealed bytea NOT NULL,  -- the key, under a data key of its own
    wrapped bytea NOT NULL, -- the data key, under a master key of the installation
    master_key_id text NOT NULL,
    display text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by_user_id text REFERENCES users (id) ON DELETE SET NULL,
    PRIMARY KEY (customer_id, provider)
);

-- Permits carry them, so whoever remembers permits hears of every change.
CREATE FUNCTION provider_keys_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tollhouse_permits', CASE TG_OP WHEN 'INSERT' THEN NEW.customer_id ELSE OLD.customer_id END);
    RETURN NULL;
END $$;

CREATE TRIGGER provider_keys_permits AFTER INSERT OR DELETE OR UPDATE OF sealed, wrapped, master_key_id
    ON provider_keys FOR EACH ROW EXECUTE FUNCTION provider_keys_changed();
