DROP VIEW billing_accounts;
DROP TABLE ended_billing_accounts, usage_exports;

DROP INDEX usage_events_waiting_idx, usage_events_oldest_idx, usage_events_tried_idx,
    usage_events_tried_of_customer_idx, usage_events_dead_idx;
CREATE INDEX usage_events_unsent_idx ON usage_events (occurred_at) WHERE sent_at IS NULL;
ALTER TABLE usage_events DROP CONSTRAINT usage_events_one_state, DROP due_at, DROP claims, DROP first_tried_at,
    DROP key_round, DROP renamed, DROP dead_at, DROP dead_kind;
