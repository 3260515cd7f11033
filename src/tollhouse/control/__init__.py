"""The control plane: REST for people and the dashboard. `api.build` makes the app from a `context.ControlContext`.

Speaks FastAPI and pydantic at its edge only; the services behind the endpoints speak in domain types.
"""
