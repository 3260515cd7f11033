"""The ledger under fire: long experiments with real processes, each with a small form that `make test` runs."""
