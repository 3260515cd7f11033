DROP TABLE leftover_billing_accounts;

DROP INDEX customers_stripe_customer_id_key;
ALTER TABLE customers DROP stripe_name, DROP stripe_email, DROP stripe_round, DROP stripe_attempts,
    DROP stripe_tried_at, DROP stripe_error;
