"""The models' list, for SDKs and the dashboard."""

import pytest
from openai import AsyncOpenAI, NotFoundError

from control.house import House, Member, refusal, served
from making import customer, key
from tollhouse.access.allowlist import allows
from tollhouse.access.keys import KeyTerms
from tollhouse.catalog.models import Catalog, Model
from tollhouse.catalog.prices import Price, Rates
from tollhouse.control.models import Listing, ModelOut
from tollhouse.foundation.money import PicosPerToken


@pytest.fixture
async def member(house: House) -> Member:
    async with house.context.database.connection() as connection:
        return await house.member(await customer(connection))


async def _raw_key(house: House, *allowed: str) -> str:
    async with house.context.database.connection() as connection:
        made = await key(connection, await customer(connection), terms=KeyTerms("k", allowed_models=allowed))
    return made.raw_key


async def _ids(house: House, raw_key: str) -> list[str]:
    answer = await (await house.visitor(raw_key)).get("/v1/ai/models")
    return [model["id"] for model in answer.json()["data"]]


async def test_a_person_sees_every_model_in_openais_shape(member: Member, catalog: Catalog) -> None:
    body = (await member.api.get("/v1/ai/models")).json()
    assert body["object"] == "list"
    assert [entry["id"] for entry in body["data"]] == [f"{m.provider}/{m.id}" for m in catalog.all()]
    assert len({entry["id"] for entry in body["data"]}) == len(body["data"]) > 100
    mini = next(entry for entry in body["data"] if entry["id"] == "openai/gpt-4o-mini")
    assert (mini["object"], mini["provider"], mini["owned_by"]) == ("model", "openai", "openai")
    assert isinstance(mini["created"], int)
    assert mini["pricing"]["input_usd_per_million"] == "0.150000"
    assert mini["pricing"]["output_usd_per_million"] == "0.600000"


async def test_openais_client_lists_and_retrieves_with_a_virtual_key(house: House) -> None:
    raw_key = await _raw_key(house, "gpt-4o-mini", "openai/o3")
    async with served(house) as base, AsyncOpenAI(api_key=raw_key, base_url=f"{base}/v1/ai") as client:
        ids = [model.id async for model in await client.models.list()]
        assert {"openai/gpt-4o-mini", "openai/o3"} <= set(ids)
        assert (await client.models.retrieve("openai/gpt-4o-mini")).owned_by == "openai"
        with pytest.raises(NotFoundError):
            await client.models.retrieve("openai/gpt-4o")


async def test_a_key_sees_exactly_the_models_that_its_list_lets_through(house: House, catalog: Catalog) -> None:
    allowed = ("gpt-4o-mini", "anthropic/claude-*")
    admitted = [m for m in catalog.all() if allows(allowed, m.provider, m.id)]
    assert await _ids(house, await _raw_key(house, *allowed)) == [f"{m.provider}/{m.id}" for m in admitted]
    assert 0 < len(admitted) < len(catalog.all())


async def test_a_key_without_a_list_sees_everything(house: House, catalog: Catalog) -> None:
    assert len(await _ids(house, await _raw_key(house))) == len(catalog.all())


async def test_a_key_whose_list_fits_nothing_sees_an_empty_list(house: House) -> None:
    assert await _ids(house, await _raw_key(house, "no-such-model")) == []


@pytest.mark.parametrize("name", ["gpt-4o-mini", "openai/", "openai", "x", "openai/gpt-4o-mini/", "OPENAI/gpt-4o-mini"])
async def test_what_is_no_id_is_a_404(member: Member, name: str) -> None:
    assert refusal(await member.api.get(f"/v1/ai/models/{name}")) == (404, "model_not_found")


def test_every_rate_and_tier_is_exact_to_the_last_digit() -> None:
    def rates(above: int, *picos: int) -> Rates:
        return Rates(above, *(PicosPerToken(each) for each in picos))

    price = Price((rates(0, 1, 10, 100, 1_000_000, 12_345_678), rates(200_000, 2, 20, 200, 2_000_000, 0)))
    model = Model("m", "p", "o", "M", context_window=10, max_output_tokens=5, price=price)
    pricing = ModelOut.of(model).pricing
    assert pricing is not None
    assert pricing.input_usd_per_million == "0.000001"
    assert pricing.cached_usd_per_million == "0.000010"
    assert pricing.cache_write_usd_per_million == "0.000100"
    assert pricing.output_usd_per_million == "1.000000"
    assert pricing.reasoning_usd_per_million == "12.345678"
    assert [(tier.above_input_tokens, tier.output_usd_per_million) for tier in pricing.tiers] == [
        (0, "1.000000"),
        (200_000, "2.000000"),
    ]


def test_unpriced_is_not_free() -> None:
    unpriced = Model("m", "p", "o", "M", context_window=None, max_output_tokens=None, price=None)
    assert b'"pricing":null' in Listing([unpriced]).everything
