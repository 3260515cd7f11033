"""Webhooks: where a customer wants to be told, what is sent there, and the loop that sends it."""
