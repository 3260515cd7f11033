-- name: webhook^
SELECT * FROM webhooks WHERE customer_id = :customer_id;

-- name: webhook_for_update^
SELECT * FROM webhooks WHERE customer_id = :customer_id FOR UPDATE;

-- name: webhooks_of
SELECT * FROM webhooks WHERE customer_id = ANY (:customer_ids::text[]);

-- name: set_webhook^
-- A new address begins without a history; a null secret keeps the one that is there.
INSERT INTO webhooks AS w (customer_id, url, secret) VALUES (:customer_id, :url, :fresh_secret)
ON CONFLICT (customer_id) DO UPDATE SET url = excluded.url, changed_at = now(),
    secret = CASE WHEN :rotate::boolean THEN excluded.secret ELSE w.secret END,
    last_tried_at = NULL, last_status = NULL, last_error = NULL
RETURNING *;

-- name: delete_webhook!
DELETE FROM webhooks WHERE customer_id = :customer_id;

-- name: note_try!
-- Only for the address that was tried: it may have been changed meanwhile.
UPDATE webhooks SET last_tried_at = now(), last_status = :status, last_error = :error
WHERE customer_id = :customer_id AND url = :url;
