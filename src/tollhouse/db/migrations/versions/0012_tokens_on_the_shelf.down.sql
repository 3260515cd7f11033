DROP TRIGGER api_tokens_ended ON api_tokens;
DROP FUNCTION token_ended();
DROP TRIGGER api_tokens_made ON api_tokens;
DROP FUNCTION token_made();
