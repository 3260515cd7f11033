"""Commands that have a room of their own; `cli.py` has the others."""
