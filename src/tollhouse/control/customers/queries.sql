-- name: email_known$
-- Asked before anything is made for a registration; the unique indexes decide in the end.
SELECT EXISTS (SELECT 1 FROM users WHERE lower(email) = lower(:email))
    OR EXISTS (SELECT 1 FROM customers WHERE lower(email) = lower(:email));

-- name: insert_customer^
INSERT INTO customers (id, name, email, billing_email, cf_gateway_id, cf_account_id, gateway_state, gateway_error,
    gateway_attempts, gateway_tried_at)
VALUES (:id, :name, :email, :billing_email, :cf_gateway_id, :cf_account_id, :gateway_state, :gateway_error,
    :gateway_attempts, :gateway_tried_at)
RETURNING *;

-- name: customer^
SELECT * FROM customers WHERE id = :customer_id;

-- name: gateways_by_account
-- How full each account of the pool is. A failed try keeps its place: the gateway may exist all the same.
SELECT cf_account_id, count(*) AS gateways FROM customers
WHERE cf_account_id = ANY (:account_ids::text[]) GROUP BY cf_account_id;

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
