"""Stripe's SDK as we use it, over a socket: what it sends, and what becomes of its errors."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

import stripe_double
from stripe_double import DELETE, LIST, MAKE, OWNER, SECRET, TELL, FaultKind, StripeDouble
from tollhouse.billing.accounts import BillingError, Payer
from tollhouse.billing.stripe import StripeAccounts
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.secrets import Secret

ACME = Payer(CustomerId("11111111-2222-4333-8444-555555555555"), "Acme", "ann+x@example.com")


@pytest.fixture
async def stripe() -> AsyncIterator[StripeDouble]:
    async with stripe_double.running() as double:
        yield double


@pytest.fixture
async def accounts(stripe: StripeDouble) -> AsyncIterator[StripeAccounts]:
    async with StripeAccounts(stripe.url, Secret(SECRET), retries=0) as accounts:
        yield accounts


async def _error(asked: Awaitable[object]) -> BillingError:
    with pytest.raises(BillingError) as caught:
        await asked
    assert SECRET not in str(caught.value)
    return caught.value


async def test_an_account_is_made_told_found_and_deleted(stripe: StripeDouble, accounts: StripeAccounts) -> None:
    await accounts.check()
    made = await accounts.make(ACME, 0)
    account = stripe.accounts[made]
    assert (account["name"], account["email"], account["metadata"]) == (
        "Acme",
        "ann+x@example.com",
        {OWNER: ACME.customer_id},
    )
    assert await accounts.find(ACME.customer_id, ACME.email) == [made]
    await accounts.tell(made, Payer(ACME.customer_id, "Acme & Sons", "bills@example.com"))
    assert (account["name"], account["email"]) == ("Acme & Sons", "bills@example.com")
    assert await accounts.find(ACME.customer_id, ACME.email) == []
    await accounts.delete(made)
    await accounts.delete(made)
    assert stripe.accounts == {}
    assert [sent.verb for sent in stripe.sent] == [LIST, MAKE, LIST, TELL, LIST, DELETE, DELETE]


async def test_the_key_of_a_making_is_our_id_and_the_round(stripe: StripeDouble, accounts: StripeAccounts) -> None:
    first = await accounts.make(ACME, 0)
    assert await accounts.make(ACME, 0) == first
    assert await accounts.make(ACME, 1) != first
    keys = [sent.headers["idempotency-key"] for sent in stripe.sent]
    assert keys == [f"tollhouse-customer-{ACME.customer_id}-{round_}" for round_ in (0, 0, 1)]
    error = await _error(accounts.make(Payer(ACME.customer_id, "Another name", ACME.email), 0))
    assert (error.away, error.settled, error.refused) == (False, True, False)


async def test_nothing_is_said_about_our_earlier_calls(stripe: StripeDouble, accounts: StripeAccounts) -> None:
    for _ in range(2):
        await accounts.check()
    assert "x-stripe-client-telemetry" not in stripe.sent[1].headers


async def test_all_pages_are_read_and_the_oldest_comes_first(stripe: StripeDouble, accounts: StripeAccounts) -> None:
    stripe.most_per_page = 2
    ours = []
    for number in range(5):
        ours.append(stripe.put(ACME.email, ACME.customer_id))
        stripe.put(ACME.email, f"other {number}")
        stripe.put(ACME.email)
        stripe.put("other@example.com", ACME.customer_id)
    assert await accounts.find(ACME.customer_id, ACME.email) == ours
    assert await accounts.find(ACME.customer_id, "nobody@example.com") == []


@pytest.mark.parametrize(
    ("kind", "away", "says"),
    [
        ("500 before", True, "An unknown error"),
        ("500 after", True, "An unknown error"),
        ("close before", True, "communicating with Stripe"),
        ("close after", True, "communicating with Stripe"),
        ("401", True, "Invalid API Key provided: sk_test_***"),
        ("403", True, "permissions"),
        ("429", True, "Too many requests"),
        ("not stripe", True, "Invalid response"),
        ("not stripe either", True, "in place of Stripe"),
    ],
)
async def test_trouble_is_told_without_the_key(
    stripe: StripeDouble, accounts: StripeAccounts, kind: FaultKind, away: bool, says: str
) -> None:
    stripe.trouble(kind)
    error = await _error(accounts.make(ACME, 0))
    assert says in str(error)
    assert (error.away, error.settled, error.refused) == (away, False, False)


async def test_an_error_that_is_repeated_is_settled(stripe: StripeDouble, accounts: StripeAccounts) -> None:
    stripe.trouble("500 before")
    assert not (await _error(accounts.make(ACME, 0))).settled
    assert (await _error(accounts.make(ACME, 0))).settled
    await accounts.make(ACME, 1)


async def test_what_stripe_does_not_take_is_refused(stripe: StripeDouble, accounts: StripeAccounts) -> None:
    error = await _error(accounts.make(Payer(ACME.customer_id, "Acme", "ann@nowhere.invalid"), 0))
    assert (error.away, error.settled, error.refused) == (False, True, True)
    assert not (await _error(accounts.tell("cus_gone", ACME))).refused


@pytest.mark.parametrize("kind", ["not stripe", "not stripe either"])
@pytest.mark.parametrize("verb", [StripeAccounts.check, lambda it: it.find(ACME.customer_id, ACME.email)])
async def test_a_list_that_is_none_is_no_empty_list(
    stripe: StripeDouble,
    accounts: StripeAccounts,
    kind: FaultKind,
    verb: Callable[[StripeAccounts], Awaitable[object]],
) -> None:
    """Else what is left over would be believed to be gone."""
    stripe.trouble(kind, on=LIST)
    assert (await _error(verb(accounts))).away


async def test_errors_of_a_removal_are_errors(stripe: StripeDouble, accounts: StripeAccounts) -> None:
    made = await accounts.make(ACME, 0)
    stripe.trouble("500 before", on=DELETE)
    assert (await _error(accounts.delete(made))).away
    assert made in stripe.accounts


async def test_an_unclear_failure_is_tried_again_at_once(stripe: StripeDouble) -> None:
    """The SDK repeats it with the same key, so it is one account."""
    async with StripeAccounts(stripe.url, Secret(SECRET)) as accounts:
        stripe.trouble("close after")
        made = await accounts.make(ACME, 0)
    assert (list(stripe.accounts), stripe.count(MAKE)) == ([made], 2)


async def test_nobody_waits_longer_than_told(stripe: StripeDouble) -> None:
    async with StripeAccounts(stripe.url, Secret(SECRET), wait_s=0.3) as accounts:
        hold = stripe.hold()
        error = await _error(accounts.make(ACME, 0))
        stripe.let_go(hold)
    assert "within 0.3 seconds" in str(error)
    assert (error.away, error.settled) == (True, False)


async def test_nobody_listens(stripe: StripeDouble, accounts: StripeAccounts) -> None:
    await stripe.down()
    assert (await _error(accounts.make(ACME, 0))).away
    await stripe.up()
    await accounts.make(ACME, 0)


async def test_another_key_is_not_let_in_and_not_told(stripe: StripeDouble) -> None:
    wrong = "sk_test_51wrong0123456789"
    async with StripeAccounts(stripe.url, Secret(wrong), retries=0) as accounts:
        error = await _error(accounts.check())
    assert error.away
    assert wrong not in str(error)
