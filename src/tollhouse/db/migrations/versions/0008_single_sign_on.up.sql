-- Who somebody is at the identity provider.

-- An address can pass to somebody else, a subject cannot: bound at the first sign-in, it alone decides afterwards.
CREATE TABLE user_identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject),
    UNIQUE (user_id, issuer)
);

-- Whoever comes from the identity provider for the first time is looked for by address, of whatever customer.
CREATE INDEX invitations_any_email_idx ON invitations (lower(email));
