"""The provider's book: exact arithmetic of its own, groups, bounds - and the true cost of real calls."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.conftest import Start
from emulator.emulated import CALL, GATEWAY, Emulated, Price, Rates
from tollhouse.emulator.book import MAX_VALUES, OTHERS, Bill, Book, CallRow, call_id_of, true_cost_nanos
from tollhouse.foundation.tokens import TokenUsage

CLASSES = Rates(0, 1_000, 100, 1_250, 4_000, 5_000)


def row(gateway: str = "g", cost: int = 7, *, billed: bool = True) -> CallRow:
    return CallRow("log", None, gateway, "openai", "gpt-4o", 200, billed, true_cost_nanos=cost)


@pytest.mark.parametrize(
    ("usage", "tiers", "nanos"),
    [
        (TokenUsage(), (CLASSES,), 0),
        (TokenUsage(input=10), (CLASSES,), 10),
        (TokenUsage(input=10, cached=10), (CLASSES,), 1),
        (TokenUsage(input=10, cache_write=4), (CLASSES,), 11),
        (TokenUsage(input=10, cached=3, cache_write=4), (CLASSES,), 9),
        (TokenUsage(output=2, reasoning=1), (CLASSES,), 9),
        (TokenUsage(input=1), (Rates(0, 1, 1, 1, 1, 1),), 1),
        (TokenUsage(input=1, output=1), (Rates(0, 1, 1, 1, 1, 1),), 1),
        (TokenUsage(input=1001), (Rates(0, 1, 1, 1, 1, 1),), 2),
        (TokenUsage(input=100), (CLASSES, Rates(100, 9_000, 0, 0, 0, 0)), 100),
        (TokenUsage(input=101), (CLASSES, Rates(100, 9_000, 0, 0, 0, 0)), 909),
        (TokenUsage(input=300), (CLASSES, Rates(100, 0, 0, 0, 0, 0), Rates(200, 2_000, 0, 0, 0, 0)), 600),
        (TokenUsage(input=300), (), 0),
    ],
)
def test_true_cost(usage: TokenUsage, tiers: Sequence[Rates], nanos: int) -> None:
    """By class, in the tier the input reaches, rounded up once."""
    assert true_cost_nanos(usage, Price(tiers)) == nanos


def test_an_unpriced_model_costs_nothing() -> None:
    assert true_cost_nanos(TokenUsage(input=10**9), None) == 0


@given(st.tuples(*[st.integers(0, 10**7)] * 5), st.tuples(*[st.integers(0, 10**9)] * 5))
def test_true_cost_is_the_smallest_whole_nano_that_covers_the_sum(
    tokens: tuple[int, ...], rates: tuple[int, ...]
) -> None:
    fresh, cached, written, spoken, thought = tokens
    usage = TokenUsage(fresh + cached + written, spoken + thought, cached, written, thought)
    plain, hit, write, out, think = rates
    picos = fresh * plain + cached * hit + written * write + spoken * out + thought * think
    nanos = true_cost_nanos(usage, Price((Rates(0, *rates),)))
    assert nanos * 1000 >= picos > (nanos - 1) * 1000


async def test_a_call_is_booked_at_its_true_cost(emulated: Emulated) -> None:
    usage = (await emulated.call()).json()["usage"]
    nanos = usage["prompt_tokens"] * 150 + usage["completion_tokens"] * 600
    book = await emulated.book()
    assert (book["calls"], book["true_cost_nanos"]) == (1, nanos)
    assert book["by_gateway"] == {GATEWAY: {"calls": 1, "true_cost_nanos": nanos}}
    assert book["by_call"][0]["true_cost_nanos"] == nanos


async def test_the_tier_of_a_long_prompt_prices_the_whole_call(emulated: Emulated) -> None:
    long = {"model": "tiered", "messages": [{"role": "user", "content": "x" * 1000}], "max_tokens": 1}
    usage = (await emulated.call(long)).json()["usage"]
    assert usage["prompt_tokens"] > 100
    assert (await emulated.book())["true_cost_nanos"] == usage["prompt_tokens"] * 300 + 1201


@pytest.mark.parametrize("model", ["unpriced", "nobody-knows-it"])
async def test_unpriced_models_answer_and_cost_nothing(emulated: Emulated, model: str) -> None:
    assert (await emulated.call(CALL | {"model": model})).status_code == 200
    book = await emulated.book()
    assert (book["calls"], book["true_cost_nanos"]) == (1, 0)


async def test_a_row_says_whose_call_it_was(emulated: Emulated) -> None:
    metadata = '{"customer":"c1","key_id":"k1","call_id":"call-1","try":2}'
    answer = await emulated.call(
        CALL | {"model": "openai/gpt-4o-mini"}, "compat/chat/completions", headers={"cf-aig-metadata": metadata}
    )
    book = await emulated.book()
    found = book["by_call"][0]
    assert (found["call_id"], found["log_id"]) == ("call-1", answer.headers["cf-aig-log-id"])
    assert (found["provider"], found["model"], found["status"]) == ("openai", "gpt-4o-mini", 200)
    assert {name: list(values) for name, values in book["by_metadata"].items()} == {
        "customer": ["c1"],
        "key_id": ["k1"],
        "try": ["2"],
    }
    assert book["by_metadata"]["customer"]["c1"] == {"calls": 1, "true_cost_nanos": found["true_cost_nanos"]}


async def test_rows_are_shown_only_on_demand(emulated: Emulated) -> None:
    await emulated.call()
    assert "by_call" not in (await emulated.client.get("/_emulator/book")).json()


@pytest.mark.parametrize(
    ("metadata", "name"),
    [({"call_id": "a"}, "a"), ({"call": "b"}, "b"), ({"call": "b", "call_id": "a"}, "a"), ({}, None)],
)
def test_the_callers_name_for_a_call(metadata: Mapping[str, str], name: str | None) -> None:
    assert call_id_of(metadata) == name


def test_refused_calls_are_counted_apart() -> None:
    book = Book()
    book.enter(row(), {"customer": "c"})
    book.enter(row(cost=0, billed=False), {"customer": "c"})
    assert (book.totals.calls, book.totals.refused) == (1, 1)
    assert book.totals.by_metadata["customer"]["c"].calls == 1


def test_groups_without_end_are_summed_up() -> None:
    book = Book()
    for number in range(MAX_VALUES + 5):
        book.enter(row(cost=1), {"customer": f"c{number}", f"name{number}": "x"})
    customers = book.totals.by_metadata["customer"]
    assert len(customers) == MAX_VALUES + 1
    assert customers[OTHERS].calls == 5
    assert sum(total.calls for total in customers.values()) == MAX_VALUES + 5
    assert len(book.totals.by_metadata) <= 101


@pytest.mark.parametrize(
    ("steps", "only_sent", "booked"),
    [
        ("present", False, TokenUsage(10, 8, 2, 0, 3)),
        ("left", False, TokenUsage(10, 8, 2, 0, 3)),
        ("left", True, TokenUsage(10, 5, 2, 0, 3)),
        ("left at once", True, TokenUsage(10, 0, 2, 0, 0)),
        ("present, left", True, TokenUsage(10, 8, 2, 0, 3)),
        ("left, present", True, TokenUsage(10, 5, 2, 0, 3)),
    ],
)
def test_a_bill_is_presented_once(steps: str, only_sent: bool, booked: TokenUsage) -> None:
    entered: list[TokenUsage] = []
    bill = Bill(entered.append, TokenUsage(10, 8, 2, 0, 3), only_what_was_sent=only_sent)
    for step in steps.split(", "):
        if step == "present":
            bill.present()
        else:
            bill.caller_left(0 if step == "left at once" else 2)
    assert entered == [booked]


async def test_the_real_catalog_prices_calls(start: Start) -> None:
    """The two sides agree on a real price, each with its own arithmetic."""
    from datetime import date

    from tollhouse.catalog import cost, models

    catalog = models.load(None, date(2026, 11, 23))
    emulated = await start(catalog=catalog)
    body = CALL | {"model": "claude-sonnet-4-5"}
    usage = (await emulated.call(body | {"model": "anthropic/claude-sonnet-4-5"}, "compat/chat/completions")).json()[
        "usage"
    ]
    model = catalog.find("anthropic", "claude-sonnet-4-5")
    assert model is not None
    assert model.price is not None
    expected = cost.cost(model.price, TokenUsage(usage["prompt_tokens"], usage["completion_tokens"]))
    assert (await emulated.book())["true_cost_nanos"] == expected > 0
