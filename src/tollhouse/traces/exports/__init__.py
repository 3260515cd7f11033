"""Our spans on their way to customers' own tools: who wants them, what waits, and what they look like on the wire."""
