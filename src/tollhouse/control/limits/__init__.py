"""Limits of the customer, its teams and people, and of keys beside their own budget: `/v1/ai/limits`."""
