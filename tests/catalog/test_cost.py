"""What is held before a call always covers what is booked after it, and money buys exactly as many tokens as it can."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tollhouse.catalog.cost import MAX_OUTPUT_TOKENS, affordable_output, bound, cost
from tollhouse.catalog.prices import Price, Rates
from tollhouse.foundation.money import PicosPerToken
from tollhouse.foundation.tokens import TokenUsage, usage_from_counts

PICOS = st.integers(0, 200_000_000).map(PicosPerToken)
TOKENS = st.integers(0, 3_000)


def rates(above: int, *picos: int) -> Rates:
    return Rates(above, *map(PicosPerToken, picos))


@st.composite
def prices(draw: st.DrawFn) -> Price:
    """Up to four tiers within reach of TOKENS, each class at any rate, dearer or cheaper than the tier before."""
    thresholds = sorted(draw(st.sets(st.integers(1, 2_500), max_size=3)))
    return Price(tuple(Rates(above, *(draw(PICOS) for _ in range(5))) for above in [0, *thresholds]))


@st.composite
def usages(draw: st.DrawFn) -> TokenUsage:
    return usage_from_counts(
        input=draw(TOKENS), output=draw(TOKENS), cached=draw(TOKENS), cache_write=draw(TOKENS), reasoning=draw(TOKENS)
    )


def test_each_class_of_token_is_charged_at_its_own_rate_once() -> None:
    price = Price((rates(0, 1_000_000, 100_000, 1_250_000, 4_000_000, 5_000_000),))
    usage = TokenUsage(input=1000, cached=300, cache_write=200, output=100, reasoning=40)
    # 500 fresh, 300 cached, 200 written, 60 spoken, 40 reasoned
    assert cost(price, usage) == (500_000_000 + 30_000_000 + 250_000_000 + 240_000_000 + 200_000_000) // 1000


def test_the_sum_is_rounded_up_once_and_not_class_by_class() -> None:
    price = Price((rates(0, 1, 1, 1, 1, 1),))
    assert cost(price, TokenUsage(input=400, cached=100, cache_write=100, output=600, reasoning=300)) == 1
    assert cost(price, TokenUsage(input=401, output=600)) == 2


def test_a_long_input_makes_every_token_dearer() -> None:
    price = Price((rates(0, 1000, 1000, 1000, 1000, 1000), rates(10, 2000, 2000, 2000, 3000, 3000)))
    assert cost(price, TokenUsage(input=10, output=5)) == 15
    assert cost(price, TokenUsage(input=11, output=5)) == 37


def test_nothing_used_costs_nothing() -> None:
    assert cost(Price((rates(0, 5, 5, 5, 5, 5),)), TokenUsage()) == 0


def test_the_bound_takes_the_dearest_class_of_each_side() -> None:
    """Writing a cache may cost more than fresh input, and reasoning more than speaking."""
    price = Price((rates(0, 1000, 100, 1250, 4000, 6000),))
    assert bound(price, 100, 10) == 125 + 60


@settings(deadline=None)
@given(price=prices(), usage=usages(), more_input=TOKENS, more_output=TOKENS)
def test_no_usage_within_the_bound_costs_more(
    price: Price, usage: TokenUsage, more_input: int, more_output: int
) -> None:
    assert cost(price, usage) <= bound(price, usage.input + more_input, usage.output + more_output)


@settings(deadline=None)
@given(price=prices(), tokens=TOKENS, output=TOKENS, more_input=TOKENS, more_output=TOKENS)
def test_the_bound_never_falls_when_a_call_may_be_larger(
    price: Price, tokens: int, output: int, more_input: int, more_output: int
) -> None:
    assert bound(price, tokens, output) <= bound(price, tokens + more_input, output + more_output)


@settings(deadline=None)
@given(price=prices(), tokens=TOKENS, nanos=st.integers(-1_000, 2_000_000_000))
def test_the_affordable_answer_fits_and_one_token_more_does_not(price: Price, tokens: int, nanos: int) -> None:
    most = affordable_output(price, tokens, nanos)
    assert most == -1 or bound(price, tokens, most) <= nanos
    assert most == MAX_OUTPUT_TOKENS or bound(price, tokens, most + 1) > nanos


def test_money_that_just_covers_the_question_affords_an_empty_answer() -> None:
    price = Price((rates(0, 1500, 1500, 1500, 1000, 1000),))
    assert bound(price, 1, 0) == 2
    assert affordable_output(price, 1, 1) == -1
    assert affordable_output(price, 1, 2) == 0
    assert affordable_output(price, 1, 3) == 1


def test_a_free_answer_is_as_long_as_any_model_can_make_it() -> None:
    free = Price((rates(0, 0, 0, 0, 0, 0),))
    assert affordable_output(free, 1_000_000, 0) == MAX_OUTPUT_TOKENS
    assert bound(free, 1_000_000, MAX_OUTPUT_TOKENS) == 0


def test_debt_affords_nothing_not_even_what_is_free() -> None:
    assert affordable_output(Price((rates(0, 0, 0, 0, 0, 0),)), 0, -1) == -1


def test_any_amount_of_money_affords_no_more_than_any_model_answers() -> None:
    assert affordable_output(Price((rates(0, 1, 1, 1, 1, 1),)), 0, 10**18) == MAX_OUTPUT_TOKENS
