-- name: gateway_of_customer^
SELECT cf_account_id, cf_gateway_id FROM customers WHERE id = :customer_id;
