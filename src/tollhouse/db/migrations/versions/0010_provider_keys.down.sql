DROP TABLE provider_keys;
DROP FUNCTION provider_keys_changed();
