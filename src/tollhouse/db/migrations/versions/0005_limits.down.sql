-- Events that were given up count as delivered, so that nobody sends them after all.
DROP TABLE webhooks;
DROP VIEW ledger_limits;
DROP FUNCTION ledger_event_failed, ledger_event_delivered, ledger_claim_events, ledger_raise_limit, ledger_set_limits;
UPDATE ledger_events SET delivered_at = given_up_at WHERE given_up_at IS NOT NULL;
DROP INDEX ledger_events_undelivered_idx;
ALTER TABLE ledger_events DROP given_up_at;
CREATE INDEX ledger_events_undelivered_idx ON ledger_events (next_try_at) WHERE delivered_at IS NULL;
