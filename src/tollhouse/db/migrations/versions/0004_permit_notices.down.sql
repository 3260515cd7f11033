DROP TRIGGER customers_permits ON customers;
DROP TRIGGER users_permits ON users;
DROP TRIGGER ai_gateway_keys_permits ON ai_gateway_keys;
DROP FUNCTION permits_changed();
