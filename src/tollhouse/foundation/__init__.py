"""The cellar's floor: words every room shares. Pure; knows nothing of HTTP, SQL or vendors."""
