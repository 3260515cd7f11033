"""Requests to addresses that customers name: where they may go, how they get there. Knows nothing of what is said."""
