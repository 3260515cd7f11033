"""The dashboard's pages: what `web/` was built to, in memory, and how it is served. Knows nothing of the API."""
