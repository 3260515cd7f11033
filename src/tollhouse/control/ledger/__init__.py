"""The ledger for people: what stands in the book, corrections of it, and what other limits would have done."""
