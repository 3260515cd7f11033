DROP FUNCTION ledger_release_doubt, ledger_is_gone, ledger_adjust, ledger_audit_of, ledger_seal, ledger_day_to_seal, ledger_entry_line;
DROP TABLE ledger_adjustment_requests, ledger_seals;
DROP FUNCTION ledger_seals_are_append_only;
DROP INDEX ledger_entries_created_idx, ledger_entries_looked_after_idx;
