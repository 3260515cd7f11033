-- Removes everything 0001 made. The book goes with it: for development only.
DROP VIEW ledger_audit;
DROP FUNCTION ledger_sweep, ledger_register, ledger_settle, ledger_reserve, ledger_project_keys, ledger_set_budget,
    ledger_roll;
DROP TABLE audit_log, telemetry_spans, usage_events, receipts, ledger_entries, ledger_holds, ledger_accounts,
    ledger_budgets, ledger_workers, ai_gateway_keys, sessions, api_tokens, team_members, teams, users, customers;
DROP FUNCTION audit_log_is_append_only, ledger_book_is_append_only, ledger_next_reset, open_day_partitions;
DROP TYPE ai_gateway_key_budget_reset;
