-- name: email_known$
-- Asked before anything is made for a registration; the unique indexes decide in the end.
SELECT EXISTS (SELECT 1 FROM users WHERE lower(email) = lower(:email))
    OR EXISTS (SELECT 1 FROM customers WHERE lower(email) = lower(:email));

-- name: insert_customer^
INSERT INTO customers (id, name, email, billing_email, cf_gateway_id, cf_account_id, gateway_state, gateway_error,
    gateway_attempts, gateway_tried_at, stripe_customer_id, stripe_name, stripe_email, stripe_round, stripe_attempts,
    stripe_tried_at, stripe_error)
VALUES (:id, :name, :email, :billing_email, :cf_gateway_id, :cf_account_id, :gateway_state, :gateway_error,
    :gateway_attempts, :gateway_tried_at, :stripe_customer_id, :stripe_name, :stripe_email, :stripe_round,
    :stripe_attempts, :stripe_tried_at, :stripe_error)
RETURNING *;

-- name: customer^
SELECT * FROM customers WHERE id = :customer_id;

-- name: gateways_by_account
-- How full each account of the pool is. A failed try keeps its place: the gateway may exist all the same.
-- So does what is left over of customers that ended, until it is removed.
SELECT account_id, count(*) AS gateways FROM (
    SELECT cf_account_id AS account_id, cf_gateway_id AS gateway_id FROM customers
    UNION ALL SELECT account_id, gateway_id FROM leftover_gateways) held
WHERE account_id = ANY (:account_ids::text[]) GROUP BY account_id;

-- name: claim_due^
-- One customer whose gateway is due for another try. Taking it moves its time, so that other workers leave it
-- alone, and a worker that dies leaves it to be taken again. 15 s, doubled by each attempt, an hour at most.
UPDATE customers SET gateway_state = 'pending', gateway_attempts = gateway_attempts + 1, gateway_tried_at = :now
WHERE id = (
    SELECT id FROM customers
    WHERE gateway_state IN ('pending', 'failed') AND (gateway_tried_at IS NULL OR gateway_tried_at
        + least(interval '15 seconds' * 2 ^ least(greatest(gateway_attempts - 1, 0), 8), interval '1 hour') <= :now)
    ORDER BY gateway_tried_at NULLS FIRST, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING *;

-- name: claim_customer^
-- The same for one customer, now, whatever was tried before; no row when its gateway is ready.
UPDATE customers SET gateway_state = 'pending', gateway_attempts = gateway_attempts + 1, gateway_tried_at = :now
WHERE id = :customer_id AND gateway_state <> 'ready'
RETURNING *;

-- name: gateway_ready^
-- No row when somebody else was faster: there is nothing left to say.
UPDATE customers SET gateway_state = 'ready', cf_gateway_id = :gateway_id, cf_account_id = :account_id,
    gateway_error = NULL
WHERE id = :customer_id AND gateway_state <> 'ready'
RETURNING *;

-- name: gateway_failed!
-- Never takes back a success that another worker had meanwhile.
UPDATE customers SET gateway_state = 'failed', gateway_error = :error,
    cf_account_id = coalesce(:account_id, cf_account_id)
WHERE id = :customer_id AND gateway_state <> 'ready';

-- Settings ---------------------------------------------------------------------------------------------------

-- name: lock_customer^
SELECT * FROM customers WHERE id = :customer_id FOR NO KEY UPDATE;

-- name: update_customer^
-- Settings that are not given, also such as only another version knows, stay as they are.
UPDATE customers SET name = :name, billing_email = :billing_email, settings = settings || :settings::jsonb
WHERE id = :customer_id RETURNING *;

-- name: delete_customer!
-- People, teams, keys, sessions and tokens go with it; the ledger, receipts and the audit log stay.
DELETE FROM customers WHERE id = :customer_id;

-- Leftovers --------------------------------------------------------------------------------------------------

-- name: note_leftover!
-- Before a gateway is made for a customer that is not there yet, and when a customer ends.
INSERT INTO leftover_gateways (account_id, gateway_id, due_at) VALUES (:account_id, :gateway_id, :due_at)
ON CONFLICT (account_id, gateway_id) DO UPDATE SET due_at = excluded.due_at;

-- name: forget_leftovers!
DELETE FROM leftover_gateways WHERE gateway_id = :gateway_id;

-- name: forget_leftover!
DELETE FROM leftover_gateways WHERE account_id = :account_id AND gateway_id = :gateway_id;

-- name: claim_leftover^
-- One that is due and belongs to nobody. Taking it moves its time, so that other workers leave it alone and a worker
-- that dies leaves it to be taken again. A minute, doubled by each attempt, six hours at most.
UPDATE leftover_gateways SET attempts = attempts + 1,
    due_at = :now + least(interval '1 minute' * 2 ^ least(attempts, 9), interval '6 hours')
WHERE (account_id, gateway_id) = (
    SELECT l.account_id, l.gateway_id FROM leftover_gateways l
    WHERE l.due_at <= :now AND NOT EXISTS (SELECT 1 FROM customers c WHERE c.cf_gateway_id = l.gateway_id)
    ORDER BY l.due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING account_id, gateway_id;

-- name: leftover_failed!
UPDATE leftover_gateways SET error = :error WHERE account_id = :account_id AND gateway_id = :gateway_id;

-- Billing accounts -------------------------------------------------------------------------------------------

-- name: claim_billing^
-- One customer without an account at Stripe, or whose account does not know today's name and address. The first try
-- fixes what an account is made with, for all that follow. Taking it moves its time, so that other workers leave it
-- alone, and a worker that dies leaves it to be taken again. 15 s, doubled by each failure, an hour at most.
UPDATE customers SET stripe_attempts = stripe_attempts + 1, stripe_tried_at = :now,
    stripe_name = CASE WHEN stripe_customer_id IS NULL THEN coalesce(stripe_name, name) ELSE stripe_name END,
    stripe_email = CASE WHEN stripe_customer_id IS NULL THEN coalesce(stripe_email, billing_email, email)
        ELSE stripe_email END
WHERE id = (
    SELECT id FROM customers
    WHERE (stripe_customer_id IS NULL OR stripe_name IS DISTINCT FROM name
            OR stripe_email IS DISTINCT FROM coalesce(billing_email, email))
        AND (stripe_tried_at IS NULL OR stripe_tried_at
            + least(interval '15 seconds' * 2 ^ least(greatest(stripe_attempts - 1, 0), 8), interval '1 hour') <= :now)
    ORDER BY stripe_tried_at NULLS FIRST, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id, stripe_customer_id AS account_id, stripe_round AS round,
    CASE WHEN stripe_customer_id IS NULL THEN stripe_name ELSE name END AS name,
    CASE WHEN stripe_customer_id IS NULL THEN stripe_email ELSE coalesce(billing_email, email) END AS email;

-- name: billing_made^
-- No row when somebody else was faster, or when the customer has ended.
UPDATE customers SET stripe_customer_id = :account_id, stripe_attempts = 0, stripe_error = NULL
WHERE id = :customer_id AND stripe_customer_id IS NULL
RETURNING id;

-- name: billing_told!
UPDATE customers SET stripe_name = :name, stripe_email = :email, stripe_attempts = 0, stripe_error = NULL
WHERE id = :customer_id AND stripe_customer_id = :account_id;

-- name: billing_failed!
-- Never takes back a success that another worker had meanwhile, nor a round. Words that Stripe refuses are forgotten:
-- nothing was made by them, and the next try takes today's.
UPDATE customers SET stripe_error = :error, stripe_round = greatest(stripe_round, :next_round),
    stripe_name = CASE WHEN :refused THEN NULL ELSE stripe_name END,
    stripe_email = CASE WHEN :refused THEN NULL ELSE stripe_email END
WHERE id = :customer_id AND stripe_customer_id IS NOT DISTINCT FROM :account_id;

-- name: note_leftover_account!
-- Before an account is made for a customer that is not there yet, and when a customer ends that may just get one.
INSERT INTO leftover_billing_accounts (customer_id, email, due_at) VALUES (:customer_id, :email, :due_at)
ON CONFLICT (customer_id) DO UPDATE SET due_at = excluded.due_at;

-- name: take_over_account^
-- No row when somebody has begun to remove the account.
DELETE FROM leftover_billing_accounts WHERE customer_id = :customer_id AND attempts = 0 RETURNING customer_id;

-- name: forget_leftover_account!
DELETE FROM leftover_billing_accounts WHERE customer_id = :customer_id;

-- name: keep_ended_account!
-- What was used before the end, and is billed after it, is billed to this account.
INSERT INTO ended_billing_accounts (customer_id, account_id) VALUES (:customer_id, :account_id) ON CONFLICT DO NOTHING;

-- name: claim_leftover_account^
-- One that is due and belongs to nobody. Taking it moves its time, so that other workers leave it alone and a worker
-- that dies leaves it to be taken again. A minute, doubled by each attempt, six hours at most.
UPDATE leftover_billing_accounts SET attempts = attempts + 1,
    due_at = :now + least(interval '1 minute' * 2 ^ least(attempts, 9), interval '6 hours')
WHERE customer_id = (
    SELECT l.customer_id FROM leftover_billing_accounts l
    WHERE l.due_at <= :now AND NOT EXISTS (SELECT 1 FROM customers c WHERE c.id = l.customer_id)
    ORDER BY l.due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING customer_id, email;

-- name: claim_leftover_account_of^
-- No row when the customer's row took it along: a commit that is under way is waited for.
UPDATE leftover_billing_accounts SET attempts = attempts + 1, due_at = :now::timestamptz + interval '1 minute'
WHERE customer_id = :customer_id
RETURNING customer_id;

-- name: leftover_account_failed!
UPDATE leftover_billing_accounts SET error = :error WHERE customer_id = :customer_id;
