"""The data plane: `POST /v1/ai/chat/completions`. Files are the steps of the road; `journey` knows their order."""
