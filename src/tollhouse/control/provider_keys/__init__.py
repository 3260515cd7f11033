"""Customers' own keys for providers: stored sealed, listed without what they are, rewrapped when master keys change."""
