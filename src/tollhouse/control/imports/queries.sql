-- name: old_table$
-- The table of the product before, under the name that is there.
SELECT relname FROM pg_class
WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND relname IN ('OpenRouterKey', 'openrouter_keys')
ORDER BY relname LIMIT 1;

-- name: rows_of_old_camel
SELECT to_jsonb(k) AS row FROM "OpenRouterKey" k;

-- name: rows_of_old_snake
SELECT to_jsonb(k) AS row FROM openrouter_keys k;

-- name: drop_old#
-- Only when asked for: see `tollhouse import openrouter --drop`.
DROP TABLE IF EXISTS "OpenRouterKey"; DROP TABLE IF EXISTS openrouter_keys; DROP TYPE IF EXISTS openrouter_key_limit_reset;

-- name: people_of_customer
SELECT id, lower(email) AS email FROM users WHERE customer_id = :customer_id;

-- name: teams_of_customer
SELECT id, lower(name) AS name FROM teams WHERE customer_id = :customer_id;

-- name: imported_tags
-- What was imported before: each key has where it came from as a tag.
SELECT DISTINCT tag FROM ai_gateway_keys k, unnest(k.tags) tag
WHERE k.customer_id = :customer_id AND starts_with(tag, :beginning);
