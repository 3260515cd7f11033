"""Virtual keys for people: the eleven routes of `/v1/ai/keys`, their rules, and each key's standing in the ledger."""
