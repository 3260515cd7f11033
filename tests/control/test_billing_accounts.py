"""Whatever happens to Stripe or to us, each customer has one account there in the end, and nobody else has any."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from control.house import House, ScriptedGateways, refusal, registration
from making import ManualClock, connected, customer
from stripe_double import DELETE, LIST, MAKE, OWNER, SECRET, TELL, FaultKind, StripeDouble
from stripe_meters import METER
from tollhouse.billing.accounts import BillingError
from tollhouse.billing.exporter import Exporter
from tollhouse.billing.stripe import StripeAccounts
from tollhouse.billing.stripe_meters import StripeMeters
from tollhouse.control.customers import billing as rows
from tollhouse.control.customers import service as customers
from tollhouse.control.onboarding import billing_accounts
from tollhouse.control.onboarding import registration as registering
from tollhouse.control.onboarding.billing_accounts import remove_leftovers, tend
from tollhouse.control.people import sessions, users
from tollhouse.foundation.secrets import Secret
from waiting import until

REGISTER = "/v1/customers/register"
ME = "/v1/customers/me"


async def _seen(house: House) -> dict[str, Any]:
    """The only customer, as its row is."""
    (row,) = await house.fetch("SELECT * FROM customers")
    return row


async def _register(house: House, **fields: object) -> httpx.Response:
    return await (await house.visitor()).post(REGISTER, json=registration("ann@example.com", **fields))


async def _hours_pass(house: House, clock: ManualClock, hours: int = 4) -> None:
    """The loop in the background has had its turns."""
    for _ in range(hours):
        clock.advance(3600)
        await tend(house.context)
        await remove_leftovers(house.context)


async def _all_is_well(house: House, stripe: StripeDouble, customers_there: int = 1) -> None:
    """One account for each customer, which knows it; none for others; nothing left over, and no secret anywhere."""
    found = await house.fetch("SELECT id, stripe_customer_id, stripe_error FROM customers")
    assert len(found) == customers_there
    assert stripe.owned() == {row["id"]: [row["stripe_customer_id"]] for row in found}
    assert [row["stripe_error"] for row in found] == [None] * customers_there
    assert await house.fetch("SELECT 1 FROM leftover_billing_accounts") == []


async def _until(told: asyncio.Event) -> None:
    async with asyncio.timeout(30):
        await told.wait()


# A customer is made -----------------------------------------------------------------------------------------


async def test_the_account_comes_first_then_the_gateway_then_the_rows(
    billed: House, stripe: StripeDouble, gateways: ScriptedGateways
) -> None:
    gateways.pause = asyncio.Event()
    task = asyncio.create_task(_register(billed))
    await until(lambda: gateways.asked)
    assert len(stripe.accounts) == 1
    assert await billed.fetch("SELECT 1 FROM customers") == []
    gateways.pause.set()
    made = (await task).json()["customer"]
    assert stripe.owned() == {made["id"]: [made["stripe_customer_id"]]}
    await _all_is_well(billed, stripe)


async def test_stripe_is_told_who_pays_and_asked_once(billed: House, stripe: StripeDouble, clock: ManualClock) -> None:
    answer = await _register(billed, billing_email="bills+eu@example.com", name="Ärzte & Söhne")
    (account,) = stripe.accounts.values()
    assert (account["name"], account["email"]) == ("Ärzte & Söhne", "bills+eu@example.com")
    assert account["metadata"] == {OWNER: answer.json()["customer"]["id"]}
    (sent,) = stripe.sent
    assert account["metadata"][OWNER] in sent.headers["idempotency-key"]
    await _hours_pass(billed, clock)
    assert len(stripe.sent) == 1


async def test_without_stripe_nobody_is_asked_and_later_everybody_gets_an_account(
    house: House, billed: House, stripe: StripeDouble, clock: ManualClock
) -> None:
    await house.register("ann@example.com")
    await house.register("bob@example.com")
    assert (await tend(house.context), await remove_leftovers(house.context)) == (0, 0)
    assert await house.fetch("SELECT 1 FROM leftover_billing_accounts") == []
    assert await house.fetch("SELECT DISTINCT stripe_customer_id, stripe_tried_at, stripe_email FROM customers") == [
        {"stripe_customer_id": None, "stripe_tried_at": None, "stripe_email": None}
    ]
    assert await tend(billed.context) == 2
    await _all_is_well(billed, stripe, 2)


async def test_only_admins_see_the_account(billed: House, stripe: StripeDouble) -> None:
    ann = await billed.register("ann@example.com")
    seen = (await ann.get(ME)).json()["customer"]
    assert seen["stripe_customer_id"] in stripe.accounts
    for role in ("manager", "member"):
        other = await billed.member(seen["id"], role)
        assert (await other.api.get(ME)).json()["customer"]["stripe_customer_id"] is None


async def test_somebody_who_comes_back_gets_an_account_of_its_own(billed: House, stripe: StripeDouble) -> None:
    """The accounts of others with the same address are left alone: another customer's, and one that is not ours."""
    foreign = stripe.put("ann@example.com")
    ann = await billed.register("ann@example.com")
    former = (await _seen(billed))["stripe_customer_id"]
    assert (await ann.post(f"{ME}/delete", json={"name": "Acme"})).status_code == 204
    await billed.register("ann@example.com")
    latter = (await _seen(billed))["stripe_customer_id"]
    assert set(stripe.accounts) == {foreign, former, latter}


# Stripe in trouble ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["500 before", "500 after", "close before", "close after", "401", "403", "429", "not stripe either"]
)
async def test_a_stripe_in_trouble_stops_no_registration_and_is_healed(
    billed: House, stripe: StripeDouble, clock: ManualClock, kind: FaultKind
) -> None:
    stripe.trouble(kind)
    answer = await _register(billed)
    assert (answer.status_code, answer.json()["customer"]["stripe_customer_id"]) == (201, None)
    row = await _seen(billed)
    assert (row["stripe_attempts"], row["stripe_tried_at"]) == (1, clock.now())
    assert row["stripe_error"]
    assert SECRET not in row["stripe_error"] + answer.text
    assert await tend(billed.context) == 0  # tried just now
    if kind == "not stripe either":
        stripe.a_day_passes()
    await _hours_pass(billed, clock)
    await _all_is_well(billed, stripe)
    (line,) = await billed.fetch("SELECT actor, after FROM audit_log WHERE action = 'billing_account.made'")
    assert line == {"actor": "billing", "after": {"stripe_customer_id": next(iter(stripe.accounts))}}


async def test_a_stripe_that_is_down_stops_no_registration_and_is_healed(
    billed: House, stripe: StripeDouble, clock: ManualClock
) -> None:
    await stripe.down()
    assert (await _register(billed)).status_code == 201
    await _hours_pass(billed, clock)
    assert (await _seen(billed))["stripe_attempts"] == 5
    await stripe.up()
    await _hours_pass(billed, clock)
    await _all_is_well(billed, stripe)


@pytest.mark.parametrize("after", [False, True])
async def test_a_slow_stripe_is_not_waited_for(
    house: House, billed: House, stripe: StripeDouble, clock: ManualClock, after: bool
) -> None:
    """What it makes after we gave up is found."""
    async with StripeAccounts(stripe.url, Secret(SECRET), wait_s=0.3) as impatient:
        hold = stripe.hold(after=after)
        assert (await _register(house.but(billing=impatient))).status_code == 201
        assert "within 0.3 seconds" in (await _seen(house))["stripe_error"]
    clock.advance(3600)
    if not after:
        assert await tend(billed.context) == 0, "the key is in use: there must be no second account"
    stripe.let_go(hold)
    await _hours_pass(billed, clock)
    await _all_is_well(billed, stripe)


async def test_an_account_whose_key_stripe_has_forgotten_is_found_by_its_address(
    billed: House, stripe: StripeDouble, clock: ManualClock
) -> None:
    """Among others of the same address, on whichever page; also when the customer has another address by now."""
    stripe.trouble("close after")
    ann = await billed.register("ann@example.com")
    for _ in range(5):
        stripe.put("ann@example.com", "somebody else")
    stripe.most_per_page = 2
    await ann.patch(ME, json={"billing_email": "bills@example.com", "name": "Acme & Sons"})
    stripe.a_day_passes()
    made = stripe.count(MAKE)
    await _hours_pass(billed, clock)
    row = await _seen(billed)
    assert stripe.owned()[row["id"]] == [row["stripe_customer_id"]]
    assert stripe.count(MAKE) == made
    assert stripe.accounts[row["stripe_customer_id"]]["email"] == "bills@example.com"


async def test_an_error_that_stripe_only_repeats_takes_another_key(
    billed: House, stripe: StripeDouble, clock: ManualClock
) -> None:
    """Else the customer would wait a day for its account."""
    stripe.trouble("500 before")
    await _register(billed)
    assert (await _seen(billed))["stripe_round"] == 0, "nobody has said yet that the first try is over"
    clock.advance(15)
    await tend(billed.context)
    assert ((await _seen(billed))["stripe_round"], stripe.accounts) == (1, {})
    clock.advance(30)
    assert await tend(billed.context) == 1
    await _all_is_well(billed, stripe)


async def test_an_address_that_stripe_does_not_take_is_no_fault_of_the_registration(
    billed: House, stripe: StripeDouble, clock: ManualClock
) -> None:
    """Nor does it keep others from their accounts, and with another address it is well."""
    ann = await billed.register("ann@example.com", billing_email="ann@nowhere.invalid")
    stripe.trouble("401")
    await billed.register("bob@example.com")
    clock.advance(3600)
    assert await tend(billed.context) == 1
    (row,) = await billed.fetch("SELECT * FROM customers WHERE stripe_customer_id IS NULL")
    assert "Invalid email address" in row["stripe_error"]
    assert (row["stripe_email"], row["stripe_round"]) == (None, 2)
    await ann.patch(ME, json={"billing_email": "ann@example.com"})
    await _hours_pass(billed, clock)
    await _all_is_well(billed, stripe, 2)


async def test_each_failure_doubles_the_wait_up_to_an_hour(
    billed: House, stripe: StripeDouble, clock: ManualClock
) -> None:
    stripe.trouble("401")
    await _register(billed)
    for wait_s in (15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600):
        stripe.trouble("401", on=LIST)
        tries = len(stripe.sent)
        clock.advance(wait_s - 1)
        await tend(billed.context)
        assert len(stripe.sent) == tries, wait_s
        clock.advance(1)
        await tend(billed.context)
        assert len(stripe.sent) == tries + 1, wait_s


async def test_while_stripe_is_away_not_everybody_is_tried(
    billed: House, stripe: StripeDouble, clock: ManualClock
) -> None:
    stripe.trouble("401", "401", "401")
    for name in ("ann", "bob", "cid"):
        await billed.register(f"{name}@example.com")
    clock.advance(15)
    stripe.trouble("500 before", on=LIST)
    assert await tend(billed.context) == 0
    assert stripe.count(LIST) == 1
    assert await tend(billed.context) == 2
    clock.advance(30)
    assert await tend(billed.context) == 1
    await _all_is_well(billed, stripe, 3)


# Nothing half-made ------------------------------------------------------------------------------------------


async def _nobody_is_known(*_: object) -> None:
    """The first look saw nobody; the unique index decides."""


async def test_of_two_who_register_one_address_at_once_one_has_an_account(billed: House, stripe: StripeDouble) -> None:
    hold = stripe.hold(after=True)
    racing = [asyncio.create_task(_register(billed)) for _ in range(2)]
    await until(lambda: len(stripe.accounts) >= 2)
    stripe.let_go(hold)
    answers = await asyncio.gather(*racing)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    await _all_is_well(billed, stripe)


@pytest.mark.parametrize("kind", ["500 before", "500 after", "close before", "close after", "401", "429"])
async def test_an_account_that_cannot_be_removed_at_once_is_removed_later(
    billed: House, stripe: StripeDouble, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, kind: FaultKind
) -> None:
    await billed.register("ann@example.com")
    with monkeypatch.context() as patched:
        patched.setattr(customers, "refuse_known_email", _nobody_is_known)
        stripe.trouble(kind, on=DELETE)
        assert refusal(await _register(billed)) == (409, "email_taken")
    assert len(await billed.fetch("SELECT 1 FROM leftover_billing_accounts")) == 1
    clock.advance(59)
    assert await remove_leftovers(billed.context) == 0
    clock.advance(1)
    stripe.trouble(kind, on=LIST)
    assert await remove_leftovers(billed.context) == 0
    (left,) = await billed.fetch("SELECT attempts, due_at, error FROM leftover_billing_accounts")
    assert (left["attempts"], left["due_at"]) == (2, clock.now() + timedelta(minutes=2))
    assert left["error"]
    clock.advance(120)
    await remove_leftovers(billed.context)
    await _all_is_well(billed, stripe)


@pytest.mark.parametrize("kind", ["500 after", "close after", "close before"])
async def test_an_account_that_was_perhaps_made_for_a_registration_that_failed_is_looked_for(
    billed: House, stripe: StripeDouble, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, kind: FaultKind
) -> None:
    await billed.register("ann@example.com")
    monkeypatch.setattr(customers, "refuse_known_email", _nobody_is_known)
    stripe.trouble(kind)
    assert refusal(await _register(billed)) == (409, "email_taken")
    await remove_leftovers(billed.context)
    assert len(await billed.fetch("SELECT 1 FROM leftover_billing_accounts")) == 1, "Stripe may still be at work on it"
    clock.advance(600)
    await remove_leftovers(billed.context)
    await _all_is_well(billed, stripe)


@pytest.mark.parametrize("step", ["insert", "create_user", "open_session"])
async def test_a_fault_between_account_and_rows_leaves_neither(
    billed: House, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    room = {"insert": customers, "create_user": users, "open_session": sessions}[step]

    async def lost(*_: object, **__: object) -> None:
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(room, step, lost)
    assert refusal(await _register(billed)) == (503, "database_unavailable")
    assert stripe.count(MAKE) == stripe.count(DELETE) == 1
    await _all_is_well(billed, stripe, 0)


async def test_without_its_name_written_down_no_account_is_made(
    billed: House, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object, **__: object) -> None:
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(rows, "note_leftover", lost)
    assert refusal(await _register(billed)) == (503, "database_unavailable")
    assert stripe.sent == []


async def test_a_commit_whose_answer_was_lost_keeps_its_account(
    billed: House, stripe: StripeDouble, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = registering._write

    async def written_and_lost(*arguments: Any) -> None:
        await write(*arguments)
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(registering, "_write", written_and_lost)
    assert (await _register(billed)).status_code == 503
    await _hours_pass(billed, clock)
    await _all_is_well(billed, stripe)


# Cancelled, and dead -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True])
async def test_a_registration_that_is_cancelled_while_stripe_works_leaves_nothing(
    billed: House, stripe: StripeDouble, clock: ManualClock, after: bool
) -> None:
    """Stripe makes the account all the same: it is found when that is sure to be over."""
    hold = stripe.hold(after=after)
    task = asyncio.create_task(_register(billed))
    await _until(hold.reached)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    stripe.let_go(hold)
    await until(lambda: stripe.accounts)
    assert await remove_leftovers(billed.context) == 0
    clock.advance(600)
    assert await remove_leftovers(billed.context) == 1
    await _all_is_well(billed, stripe, 0)


async def test_a_registration_that_is_cancelled_later_takes_its_account_with_it(
    billed: House, stripe: StripeDouble, gateways: ScriptedGateways
) -> None:
    gateways.pause = asyncio.Event()
    task = asyncio.create_task(_register(billed))
    await until(lambda: gateways.asked)
    assert len(stripe.accounts) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _all_is_well(billed, stripe, 0)


Step = Callable[..., Awaitable[Any]]


def _never_passed(step: Step, before: bool, reached: asyncio.Event) -> Step:
    """The step of somebody who dies before or after it: what was written until then is all that is left."""

    async def passed(*arguments: Any, **named: Any) -> None:
        if not before:
            await step(*arguments, **named)
        reached.set()
        await asyncio.Event().wait()

    return passed


STEPS = {
    "before the name is written down": (rows, "note_leftover", True),
    "before the account is made": (StripeAccounts, "make", True),
    "after the account is made": (StripeAccounts, "make", False),
    "before the gateway is made": (ScriptedGateways, "ensure", True),
    "after the gateway is made": (ScriptedGateways, "ensure", False),
    "before the rows are written": (registering, "_write", True),
    "after the rows are written": (registering, "_write", False),
}


@pytest.mark.parametrize("step", STEPS)
async def test_a_death_between_any_two_steps_of_a_registration_is_healed_by_others(
    billed: House, stripe: StripeDouble, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The dead never go on and tidy nothing up; somebody else sees only the database and Stripe."""
    room, name, before = STEPS[step]
    reached = asyncio.Event()
    with monkeypatch.context() as patched:
        patched.setattr(room, name, _never_passed(getattr(room, name), before, reached))
        dead = asyncio.create_task(_register(billed))
        await _until(reached)
    await _hours_pass(billed, clock)
    await _all_is_well(billed, stripe, 1 if step == "after the rows are written" else 0)
    dead.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dead
    await _all_is_well(billed, stripe, 1 if step == "after the rows are written" else 0)


LATER_STEPS = {
    "before the look": (StripeAccounts, "find", True),
    "before the account is made": (StripeAccounts, "make", True),
    "after the account is made": (StripeAccounts, "make", False),
    "before the id is written": (rows, "is_made", True),
    "after the id is written": (billing_accounts, "_made", False),
}


@pytest.mark.parametrize("a_day_passes", [False, True])
@pytest.mark.parametrize("step", LATER_STEPS)
async def test_a_death_between_any_two_steps_in_the_background_is_healed_by_others(
    billed: House,
    embedded_url: str,
    stripe: StripeDouble,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    a_day_passes: bool,
) -> None:
    stripe.trouble("401")
    await billed.register("ann@example.com")
    clock.advance(15)
    room, name, before = LATER_STEPS[step]
    reached = asyncio.Event()
    async with connected(embedded_url) as elsewhere:
        with monkeypatch.context() as patched:
            patched.setattr(room, name, _never_passed(getattr(room, name), before, reached))
            dead = asyncio.create_task(tend(billed.but(database=elsewhere).context))
            await _until(reached)
        if name == "is_made":
            await billed.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND state = 'idle in transaction'"
            )
        if a_day_passes:
            stripe.a_day_passes()
        await _hours_pass(billed, clock)
        await _all_is_well(billed, stripe)
        dead.cancel()
        await asyncio.gather(dead, return_exceptions=True)


@pytest.mark.parametrize("step", ["find", "delete"])
async def test_a_death_while_tidying_up_is_healed_by_others(
    billed: House, stripe: StripeDouble, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(registering, "_write", _fails)
        stripe.trouble("500 before", on=DELETE)
        await _register(billed)
    clock.advance(60)
    reached = asyncio.Event()
    with monkeypatch.context() as patched:
        patched.setattr(StripeAccounts, step, _never_passed(getattr(StripeAccounts, step), False, reached))
        dead = asyncio.create_task(remove_leftovers(billed.context))
        await _until(reached)
    await _hours_pass(billed, clock)
    await _all_is_well(billed, stripe, 0)
    dead.cancel()
    await asyncio.gather(dead, return_exceptions=True)


async def _fails(*_: object) -> None:
    raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


async def test_whoever_sleeps_until_others_tidied_up_makes_no_customer_whose_account_is_gone(
    billed: House, stripe: StripeDouble, clock: ManualClock, gateways: ScriptedGateways
) -> None:
    gateways.pause = asyncio.Event()
    sleeper = asyncio.create_task(_register(billed))
    await until(lambda: gateways.asked)
    clock.advance(600)
    assert await remove_leftovers(billed.context) == 1
    gateways.pause.set()
    assert refusal(await sleeper) == (503, "registration_given_up")
    assert gateways.existing == set()
    await _all_is_well(billed, stripe, 0)
    await billed.register("ann@example.com")
    await _all_is_well(billed, stripe)


# Many workers -----------------------------------------------------------------------------------------------


async def test_workers_do_not_do_the_same_work(
    billed: House, embedded_url: str, stripe: StripeDouble, clock: ManualClock
) -> None:
    names = ("ann", "bob", "cid", "dee", "eve", "fay")
    for name in names:
        stripe.trouble("401")
        await billed.register(f"{name}@example.com")
    clock.advance(15)
    before = stripe.count(MAKE)
    async with connected(embedded_url) as elsewhere:
        done = await asyncio.gather(tend(billed.context), tend(billed.but(database=elsewhere).context))
    assert sum(done) == len(names)
    assert stripe.count(MAKE) - before == len(names)
    await _all_is_well(billed, stripe, len(names))


async def test_workers_that_do_the_same_work_all_the_same_make_one_account(
    billed: House, stripe: StripeDouble, clock: ManualClock
) -> None:
    """The first has looked and is slow to go on; the second takes over when its time has come."""
    stripe.trouble("401")
    await billed.register("ann@example.com")
    clock.advance(15)
    hold = stripe.hold()
    first = asyncio.create_task(tend(billed.context))
    await _until(hold.reached)
    clock.advance(30)
    assert await tend(billed.context) == 0  # Stripe says that the key is in use
    stripe.let_go(hold)
    assert await first == 1
    await _hours_pass(billed, clock)
    await _all_is_well(billed, stripe)


async def test_a_late_failure_does_not_take_a_success_back(
    billed: House, stripe: StripeDouble, clock: ManualClock
) -> None:
    stripe.trouble("401")
    await billed.register("ann@example.com")
    clock.advance(15)
    async with billed.context.database.transaction() as connection:
        due = await rows.claim_due(connection, clock.now())
    assert due is not None
    clock.advance(30)
    assert await tend(billed.context) == 1
    async with billed.context.database.transaction() as connection:
        await rows.failed(connection, due, BillingError("too late"))
        assert not await rows.is_made(connection, due.payer.customer_id, "cus_other")
    await _all_is_well(billed, stripe)


# Changes ----------------------------------------------------------------------------------------------------


async def test_stripe_hears_of_another_name_or_address(billed: House, stripe: StripeDouble, clock: ManualClock) -> None:
    ann = await billed.register("ann@example.com")
    (account,) = stripe.accounts.values()
    for given, told in (
        ({"name": "Acme & Sons"}, ("Acme & Sons", "ann@example.com")),
        ({"billing_email": "bills@example.com"}, ("Acme & Sons", "bills@example.com")),
        ({"billing_email": None}, ("Acme & Sons", "ann@example.com")),
    ):
        assert (await ann.patch(ME, json=given)).status_code == 200
        clock.advance(15)
        assert await tend(billed.context) == 1
        assert (account["name"], account["email"]) == told
        clock.advance(3600)
        assert await tend(billed.context) == 0
    await ann.patch(ME, json={"capture_content": True})
    assert await tend(billed.context) == 0
    await _all_is_well(billed, stripe)


@pytest.mark.parametrize("kind", ["500 before", "500 after", "close before", "close after", "401", "429"])
async def test_a_change_that_stripe_did_not_hear_of_is_told_again(
    billed: House, stripe: StripeDouble, clock: ManualClock, kind: FaultKind
) -> None:
    ann = await billed.register("ann@example.com")
    await ann.patch(ME, json={"name": "Acme & Sons"})
    stripe.trouble(kind, on=TELL)
    clock.advance(15)
    assert await tend(billed.context) == 0
    row = await _seen(billed)
    assert (row["stripe_name"], row["stripe_attempts"]) == ("Acme", 1)
    assert row["stripe_error"]
    clock.advance(15)
    assert await tend(billed.context) == 1
    assert next(iter(stripe.accounts.values()))["name"] == "Acme & Sons"
    await _all_is_well(billed, stripe)


async def test_what_changed_before_there_was_an_account_is_told_after(
    billed: House, stripe: StripeDouble, clock: ManualClock
) -> None:
    """It is made with the words of the first try, which may have made it."""
    stripe.trouble("close after")
    ann = await billed.register("ann@example.com")
    await ann.patch(ME, json={"name": "Acme & Sons", "billing_email": "bills@example.com"})
    await _hours_pass(billed, clock)
    (account,) = stripe.accounts.values()
    assert (account["name"], account["email"]) == ("Acme & Sons", "bills@example.com")
    await _all_is_well(billed, stripe)


# The end of a customer ----------------------------------------------------------------------------------------


async def test_the_account_of_a_customer_that_ends_stays_for_its_invoices(
    billed: House, stripe: StripeDouble, clock: ManualClock
) -> None:
    ann = await billed.register("ann@example.com")
    assert (await ann.post(f"{ME}/delete", json={"name": "Acme"})).status_code == 204
    await _hours_pass(billed, clock)
    (account_id,) = stripe.accounts
    (line,) = await billed.fetch("SELECT before FROM audit_log WHERE action = 'customer.delete'")
    assert line["before"] == {"name": "Acme", "stripe_customer_id": account_id}


async def test_what_was_used_before_the_end_is_billed_after_it(
    billed: House, stripe: StripeDouble, clock: ManualClock
) -> None:
    """Also what the ledger hears of only then: calls that were under way."""
    stripe.metering.clock = clock
    ann = await billed.register("ann@example.com")
    acme = (await ann.get("/v1/me")).json()["customer"]["id"]
    event = (
        "INSERT INTO usage_events (entry_id, customer_id, cost_nanos, occurred_at) "
        "VALUES (gen_random_uuid(), $1, 5, $2)"
    )
    await billed.fetch(event, acme, clock.now())
    assert (await ann.post(f"{ME}/delete", json={"name": "Acme"})).status_code == 204
    await billed.fetch(event, acme, clock.now())
    async with StripeMeters(stripe.url, Secret(SECRET), METER) as meters:
        await Exporter(billed.context.database, clock, meters).look()
    (account_id,) = stripe.accounts
    assert stripe.metering.values() == {account_id: 10}


async def test_an_account_that_is_being_made_while_its_customer_ends_is_removed(
    billed: House, stripe: StripeDouble, clock: ManualClock
) -> None:
    stripe.trouble("401")
    ann = await billed.register("ann@example.com")
    clock.advance(15)
    hold = stripe.hold()
    making = asyncio.create_task(tend(billed.context))
    await _until(hold.reached)
    assert (await ann.post(f"{ME}/delete", json={"name": "Acme"})).status_code == 204
    stripe.let_go(hold)
    await making
    assert len(stripe.accounts) == 1
    assert await billed.fetch("SELECT 1 FROM audit_log WHERE action = 'billing_account.made'") == []
    clock.advance(600)
    assert await remove_leftovers(billed.context) == 1
    await _all_is_well(billed, stripe, 0)


async def test_a_customer_that_stripe_never_heard_of_leaves_nothing_over(
    house: House, billed: House, stripe: StripeDouble
) -> None:
    ann = await house.register("ann@example.com")
    assert (await ann.post(f"{ME}/delete", json={"name": "Acme"})).status_code == 204
    await _all_is_well(billed, stripe, 0)


async def test_leftovers_wait_while_stripe_is_away(billed: House, stripe: StripeDouble, clock: ManualClock) -> None:
    async with billed.context.database.connection() as connection:
        for email in ("ann@example.com", "bob@example.com"):
            leftover = rows.LeftoverAccount(await customer(connection), email)
            stripe.put(email, leftover.customer_id)
            await rows.note_leftover(connection, leftover, clock.now())
        await connection.execute("DELETE FROM customers")
    stripe.trouble("429", on=LIST)
    assert await remove_leftovers(billed.context) == 0
    assert stripe.count(LIST) == 1
    stripe.trouble("not stripe", on=LIST)
    assert await remove_leftovers(billed.context) == 0
    clock.advance(60)
    assert await remove_leftovers(billed.context) == 2
    await _all_is_well(billed, stripe, 0)


async def test_one_leftover_that_cannot_be_removed_does_not_keep_the_others(
    billed: House, stripe: StripeDouble, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with billed.context.database.connection() as connection:
        for number, email in enumerate(("ann@example.com", "bob@example.com")):
            leftover = rows.LeftoverAccount(await customer(connection), email)
            stripe.put(email, leftover.customer_id)
            await rows.note_leftover(connection, leftover, clock.now() - timedelta(seconds=9 - number))
        await connection.execute("DELETE FROM customers")
    delete = StripeAccounts.delete
    refused: list[str] = []

    async def picky(accounts: StripeAccounts, account_id: str) -> None:
        if not refused:
            refused.append(account_id)
            raise BillingError("this one has an open invoice")
        await delete(accounts, account_id)

    monkeypatch.setattr(StripeAccounts, "delete", picky)
    assert await remove_leftovers(billed.context) == 1
    clock.advance(60)
    assert await remove_leftovers(billed.context) == 1
    await _all_is_well(billed, stripe, 0)
