"""The only room that knows Cloudflare: its paths, headers, error codes, management API, and the road to it."""
