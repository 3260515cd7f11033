"""`/v1/tokens`: the caller's API tokens."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from tollhouse.control.callers import Person, TokenScope
from tollhouse.control.edge import ControlRoute
from tollhouse.control.identity import Context, allowed
from tollhouse.control.people import tokens
from tollhouse.control.people.tokens import ApiToken, TokenTerms
from tollhouse.control.shapes import Given, Moment, Name, Shown, refusals

router = APIRouter(prefix="/v1/tokens", tags=["people"], route_class=ControlRoute)


class TokenIn(Given):
    """`scopes` null: whatever its owner may do."""

    name: Name
    expires_at: Moment | None = None
    scopes: Annotated[list[TokenScope], Field(min_length=1, max_length=20)] | None = None


class TokenOut(Shown):
    id: str
    name: str
    display: str
    scopes: list[TokenScope] | None
    last_used_at: datetime | None
    expires_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, token: ApiToken) -> "TokenOut":
        same = {name: getattr(token, name) for name in cls.model_fields}
        return cls(**same | {"scopes": None if token.scopes is None else list(token.scopes)})


class TokenList(Shown):
    tokens: list[TokenOut]


class NewTokenAnswer(Shown):
    """`raw_token` is shown this once."""

    token: TokenOut
    raw_token: str


@router.get("", summary="The caller's API tokens", responses=refusals(401, 403))
async def list_tokens(context: Context, person: Annotated[Person, Depends(allowed("token.list_own"))]) -> TokenList:
    return TokenList(tokens=[TokenOut.of(token) for token in await tokens.of_person(context.database, person)])


@router.post("", status_code=201, summary="Make an API token; shown once", responses=refusals(401, 403, 409, 422))
async def create_token(
    context: Context, person: Annotated[Person, Depends(allowed("token.create"))], given: TokenIn
) -> NewTokenAnswer:
    terms = TokenTerms(given.name, given.expires_at, given.scopes)
    made = await tokens.create_own(context.database, person, terms)
    return NewTokenAnswer(token=TokenOut.of(made.token), raw_token=made.raw.reveal())


@router.delete("/{token_id}", status_code=204, summary="Revoke an API token", responses=refusals(401, 403, 404, 422))
async def delete_token(
    context: Context, person: Annotated[Person, Depends(allowed("token.delete"))], token_id: str
) -> None:
    await tokens.delete(context.database, person, token_id)
