"""Customers: the tenants, and where each stands with its gateway."""
