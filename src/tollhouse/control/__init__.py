"""The control plane: REST for people and the dashboard. `api.ControlPlane` is the app over a `context.ControlContext`.

Speaks FastAPI and pydantic at its edge only; the services behind the endpoints speak in domain types.
"""
