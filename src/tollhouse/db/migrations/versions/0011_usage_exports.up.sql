-- Usage events on their way to Stripe's meter. An event waits, is sent, or is a dead letter that only people move.
ALTER TABLE usage_events
    ADD due_at timestamptz NOT NULL DEFAULT '-infinity', -- not to be tried again before
    ADD claims integer NOT NULL DEFAULT 0, -- how often somebody took it in hand: the fence of whoever did so last
    ADD first_tried_at timestamptz, -- since then it may be at Stripe; null: it certainly is not
    ADD key_round integer NOT NULL DEFAULT 0, -- of the idempotency key; a new one when Stripe only repeats an error
    ADD renamed integer NOT NULL DEFAULT 0, -- a new identifier each time that Stripe took the event and then cast it out
    ADD dead_at timestamptz,
    ADD dead_kind text CHECK (dead_kind IN ('refused', 'reported', 'uncertain', 'too_old')),
    ADD CONSTRAINT usage_events_one_state CHECK ((dead_at IS NULL) = (dead_kind IS NULL)
        AND (sent_at IS NULL OR dead_at IS NULL));

DROP INDEX usage_events_unsent_idx;
CREATE INDEX usage_events_waiting_idx ON usage_events (customer_id, due_at, entry_id)
    WHERE sent_at IS NULL AND dead_at IS NULL;
CREATE INDEX usage_events_oldest_idx ON usage_events (occurred_at) WHERE sent_at IS NULL AND dead_at IS NULL;
CREATE INDEX usage_events_tried_idx ON usage_events (first_tried_at)
    WHERE sent_at IS NULL AND dead_at IS NULL AND first_tried_at IS NOT NULL;
CREATE INDEX usage_events_tried_of_customer_idx ON usage_events (customer_id, first_tried_at)
    WHERE sent_at IS NULL AND dead_at IS NULL AND first_tried_at IS NOT NULL;
CREATE INDEX usage_events_dead_idx ON usage_events (customer_id, dead_at, entry_id) WHERE dead_at IS NOT NULL;

-- One process at a time sends a customer's events: Stripe takes one call at a time of a customer. What was sent is
-- counted here, so that nobody has to count millions of rows.
CREATE TABLE usage_exports (
    customer_id text PRIMARY KEY,
    due_at timestamptz NOT NULL, -- until then somebody has the turn, or nobody shall have it
    failures integer NOT NULL DEFAULT 0, -- since the last turn that went well
    error text,
    sent_events bigint NOT NULL DEFAULT 0,
    sent_nanos bigint NOT NULL DEFAULT 0
);

-- The account at Stripe of a customer that has ended outlives it: calls that were made before still have to be billed.
CREATE TABLE ended_billing_accounts (
    customer_id text PRIMARY KEY,
    account_id text NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT now()
);

CREATE VIEW billing_accounts AS
SELECT id AS customer_id, stripe_customer_id AS account_id FROM customers WHERE stripe_customer_id IS NOT NULL
UNION ALL
SELECT customer_id, account_id FROM ended_billing_accounts;
