"""Postgres: where it runs, how we reach it, how its schema grows. Knows no table of any room."""
