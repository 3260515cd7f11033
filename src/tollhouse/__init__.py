"""Tollhouse: a multi-tenant AI gateway whose budgets hold. ARCHITECTURE.md is the map."""

__version__ = "0.1.0"
