"""A local Cloudflare: management API, AI Gateway data plane and a provider behind it that keeps its own book.

An independent witness. It is written from the wire contract and shares no table, error shape or arithmetic with
the rooms it judges, so a mistake in one is found by the other. Where the contract is unsure the emulator takes
the side that hurts: it caches unless told not to, bills whole answers to callers who left, and accepts no
credential that Cloudflare might pass on.
"""
