"""Step 2: may this key make this call, and where does the call go? Pure."""

from dataclasses import dataclass

from tollhouse.access.allowlist import allows
from tollhouse.access.permits import Permit
from tollhouse.catalog.models import Catalog, Model
from tollhouse.catalog.providers import canonical_provider, infer
from tollhouse.cloudflare.routes import ProviderRoute, route_of
from tollhouse.gateway import refusals
from tollhouse.gateway.calls import ChatRequest


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a call goes. `model` is the provider's own name for it; `entry` its catalog entry, if any."""

    provider: str
    model: str
    route: ProviderRoute
    entry: Model | None
    account_id: str
    gateway_id: str


def authorize(permit: Permit, chat: ChatRequest, catalog: Catalog, *, default_account: str | None) -> Destination:
    """Resolve provider and model, and check the key's list; raises BadRequest, Forbidden or Unavailable."""
    provider, model = _resolve(chat, catalog)
    if not allows(permit.allowed_models, provider, model):
        raise refusals.model_not_allowed(chat.model, permit.allowed_models)
    route = route_of(provider)
    if route is None:
        raise refusals.provider_not_supported(provider)
    account_id = permit.account_id or default_account
    if permit.gateway_state != "ready" or permit.gateway_id is None or account_id is None:
        raise refusals.gateway_not_ready()
    return Destination(provider, model, route, catalog.find(provider, model), account_id, permit.gateway_id)


def budgets_of(permit: Permit, destination: Destination) -> tuple[int, ...]:
    """Every budget that this call counts in: those for all models, and those whose pattern names its model."""
    return tuple(
        budget.id
        for budget in permit.budgets
        if not budget.models or allows((budget.models,), destination.provider, destination.model)
    )


def _resolve(chat: ChatRequest, catalog: Catalog) -> tuple[str, str]:
    if chat.provider is None:
        found = infer(catalog, chat.model)
        if found is None:
            raise refusals.unknown_provider(chat.model)
        return found
    provider = canonical_provider(chat.provider)
    if provider is None:
        raise refusals.provider_not_supported(chat.provider)
    return provider, _without_prefix(chat.model, provider, catalog)


def _without_prefix(model: str, provider: str, catalog: Catalog) -> str:
    """`provider/model` beside an explicit provider means the same as `model` alone."""
    inferred = infer(catalog, model)
    if inferred is not None and inferred[0] == provider and model.endswith(inferred[1]):
        return inferred[1]
    return model
