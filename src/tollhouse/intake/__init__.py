"""The door for spans of others: `POST /v1/traces`, OTLP over HTTP, as raw ASGI. Decides nothing about money."""
