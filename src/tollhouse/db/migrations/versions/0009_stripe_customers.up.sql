-- Customers' accounts at Stripe: how their making stands, and what is left over there.

-- Name and address as Stripe was told them last. While there is no account they stay as the first try had them: Stripe
-- takes a repetition only if it is the same word for word, and an account that nobody knows of is looked for by them.
ALTER TABLE customers
    ADD stripe_name text,
    ADD stripe_email text,
    ADD stripe_round integer NOT NULL DEFAULT 0, -- of the idempotency key; a new one when Stripe only repeats an error
    ADD stripe_attempts integer NOT NULL DEFAULT 0, -- since the last that went well
    ADD stripe_tried_at timestamptz,
    ADD stripe_error text;
CREATE UNIQUE INDEX customers_stripe_customer_id_key ON customers (stripe_customer_id);

-- Accounts at Stripe that belong to nobody: of a registration that is not finished, or of a customer that ended while
-- its account was made. A row is written before an account is made and goes with the customer's row; whatever is left
-- over is removed.
CREATE TABLE leftover_billing_accounts (
    customer_id text PRIMARY KEY, -- which is not there
    email text NOT NULL, -- the address under which the account is found
    due_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    error text
);
CREATE INDEX leftover_billing_accounts_due_idx ON leftover_billing_accounts (due_at);
