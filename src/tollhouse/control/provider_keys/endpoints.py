"""`/v1/customers/me/provider-keys` over HTTP: which own keys a customer has. What they are only ever comes in."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path
from pydantic import AfterValidator, Field, SecretStr

from tollhouse.access.provider_keys import ProviderKey
from tollhouse.control.callers import Person
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed
from tollhouse.control.provider_keys import service
from tollhouse.control.shapes import Given, Shown, refusals
from tollhouse.foundation.secrets import Secret

SHORTEST: Final = 8
LONGEST: Final = 500

router = APIRouter(prefix="/v1/customers/me/provider-keys", tags=["customers"], route_class=ControlRoute)

Admin = Annotated[Person, Depends(allowed("provider_key.manage"))]
ProviderName = Annotated[str, Path(max_length=100, description="For example `openai`, as in `provider/model`.")]


def _key(secret: SecretStr) -> SecretStr:
    """What can stand in a header as it is."""
    text = secret.get_secret_value()
    if not SHORTEST <= len(text) <= LONGEST:
        raise ValueError(f"must have {SHORTEST} to {LONGEST} characters")
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("must be plain ASCII without spaces")
    return secret


class ProviderKeyIn(Given):
    """The key as the provider gave it, without `Bearer`."""

    secret: Annotated[
        SecretStr,
        AfterValidator(_key),
        Field(description=f"{SHORTEST} to {LONGEST} characters, plain ASCII without spaces. Never shown again."),
    ]


class ProviderKeyOut(Shown):
    """`display`: its last four characters. `created_by` null: whoever stored it is gone."""

    provider: str
    display: str
    created_at: datetime
    created_by: str | None

    @classmethod
    def of(cls, key: ProviderKey) -> "ProviderKeyOut":
        return cls(
            provider=key.provider,
            display=key.display,
            created_at=key.created_at,
            created_by=key.created_by_user_id,
        )


class ProviderKeyAnswer(Shown):
    provider_key: ProviderKeyOut


class ProviderKeysAnswer(Shown):
    provider_keys: list[ProviderKeyOut]


@router.get("", summary="The customer's own keys for providers", responses=refusals(401, 403))
async def list_provider_keys(context: Context, person: Admin) -> ProviderKeysAnswer:
    """They pay for calls where the credential mode is `pass-through`."""
    found = await service.list_all(context.database, person)
    return ProviderKeysAnswer(provider_keys=[ProviderKeyOut.of(key) for key in found])


@router.put("/{provider}", summary="Store or replace the key for a provider", responses=refusals(401, 403, 422))
async def put_provider_key(
    context: Context, person: Admin, provider: ProviderName, given: ProviderKeyIn
) -> ProviderKeyAnswer:
    made = await service.put(context, person, provider, Secret(given.secret.get_secret_value()))
    return ProviderKeyAnswer(provider_key=ProviderKeyOut.of(made))


@router.delete(
    "/{provider}", status_code=204, summary="Take the key for a provider away", responses=refusals(401, 403, 422)
)
async def delete_provider_key(context: Context, person: Admin, provider: ProviderName) -> None:
    await service.delete(context.database, person, provider)
