"""What happened, as spans: written in batches, read by people. Never decides about money."""
