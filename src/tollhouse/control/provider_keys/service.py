"""A customer's own key for a provider: put, replaced, taken away. Nobody is ever shown what was put."""

from typing import Final

from tollhouse.access import provider_keys
from tollhouse.access.provider_keys import ProviderKey
from tollhouse.catalog.providers import canonical_provider
from tollhouse.cloudflare.routes import SLUGS, route_of
from tollhouse.control import audit, keyrings
from tollhouse.control.callers import Person
from tollhouse.control.context import ControlContext
from tollhouse.db.pool import Database
from tollhouse.foundation.errors import Unprocessable
from tollhouse.foundation.secrets import Secret

_SHOWN_CHARS: Final = 4


async def list_all(database: Database, person: Person) -> list[ProviderKey]:
    async with database.connection() as connection:
        return await provider_keys.of_customer(connection, person.customer_id)


async def put(context: ControlContext, person: Person, provider_name: str, secret: Secret) -> ProviderKey:
    """Seal and store it in the place of a former one.

    Raises Unprocessable for a provider that takes no such key, Unavailable without master keys.
    """
    provider = provider_of(provider_name)
    envelope = keyrings.latest(context.keyrings).seal(secret, person.customer_id, provider)
    async with context.database.transaction() as connection:
        before = await provider_keys.lock(connection, person.customer_id, provider)
        made = await provider_keys.put(
            connection, person.customer_id, provider, envelope, _display(secret), person.user_id
        )
        await audit.append(
            connection,
            person.actor,
            "provider_key.set",
            provider,
            before=None if before is None else {"display": before.display},
            after={"display": made.display},
        )
    return made


async def delete(database: Database, person: Person, provider_name: str) -> None:
    """Without a key, nothing changes. Raises Unprocessable for a provider that takes no such key."""
    provider = provider_of(provider_name)
    async with database.transaction() as connection:
        deleted = await provider_keys.delete(connection, person.customer_id, provider)
        if deleted is not None:
            gone = {"display": deleted.display}
            await audit.append(connection, person.actor, "provider_key.delete", provider, before=gone)


def provider_of(name: str) -> str:
    """Cloudflare's slug for a provider that takes a plain key; aliases are understood. Raises Unprocessable."""
    slug = canonical_provider(name) or ""
    route = route_of(slug)
    if route is None:
        known = ", ".join(sorted(slug for slug in SLUGS if _takes_key(slug)))
        why = f"there is no such provider here; known are {known}"
        raise Unprocessable(why, code="provider_unknown", param="provider")
    if slug == "workers-ai":
        raise _no_key("calls to Workers AI go out with the installation's own token")
    if not route.bearer_key:
        raise _no_key(f"calls to {slug} are signed with a document instead of one plain key, which cannot be kept here")
    return slug


def _takes_key(slug: str) -> bool:
    route = route_of(slug)
    return route is not None and route.bearer_key


def _no_key(why: str) -> Unprocessable:
    return Unprocessable(why, code="provider_key_not_supported", param="provider")


def _display(secret: Secret) -> str:
    return secret.reveal()[-_SHOWN_CHARS:]
