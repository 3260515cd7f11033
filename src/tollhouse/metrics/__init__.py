"""`/metrics` for operators: what the machine's workers counted, and how the book stands, as Prometheus reads it."""
