"""A customer comes to be whole or not at all, and a gateway that failed is healed, once."""

import asyncio
import re

import asyncpg
import pytest

from control.house import PASSWORD, House, ScriptedGateways, account, refusal, refused, registration
from making import ManualClock, connected, customer
from tollhouse.control.customers import service as customers
from tollhouse.control.onboarding import gateways as provisioning
from tollhouse.control.onboarding import registration as registering
from tollhouse.control.onboarding.gateways import provision_pending
from tollhouse.control.people import sessions, users
from tollhouse.foundation.errors import Unavailable
from waiting import until

REGISTER = "/v1/customers/register"


async def _rows(house: House) -> dict[str, int]:
    counts = await house.fetch(
        "SELECT (SELECT count(*) FROM customers) AS customers, (SELECT count(*) FROM users) AS users, "
        "(SELECT count(*) FROM sessions) AS sessions, (SELECT count(*) FROM audit_log) AS lines"
    )
    return counts[0]


NOTHING = {"customers": 0, "users": 0, "sessions": 0, "lines": 0}


# Refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"password": "elevenchars"}, "password"),
        ({"password": "x" * 1025}, "password"),
        ({"password": "correct\x00horse battery"}, "password"),
        ({"password": 123456789012}, "password"),
        ({"email": "nobody"}, "email"),
        ({"email": "a b@example.com"}, "email"),
        ({"email": "a@b@example.com"}, "email"),
        ({"email": "@example.com"}, "email"),
        ({"email": "ann@example.com\x00"}, "email"),
        ({"email": "x" * 250 + "@example.com"}, "email"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"admin_name": "\u0007"}, "admin_name"),
        ({"billing_email": "nobody"}, "billing_email"),
        ({"role": "admin"}, "role"),
    ],
)
async def test_what_does_not_fit_makes_nothing(
    house: House, gateways: ScriptedGateways, fields: dict[str, object], param: str
) -> None:
    visitor = await house.visitor()
    answer = await visitor.post(REGISTER, json=registration("ann@example.com") | fields)
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == param
    assert str(fields.get("password", PASSWORD)) not in answer.text
    assert await _rows(house) == NOTHING
    assert gateways.asked == []


async def test_a_closed_house_takes_nobody(house: House, gateways: ScriptedGateways) -> None:
    visitor = await house.but(registration_open=False).visitor()
    assert refusal(await visitor.post(REGISTER, json=registration("ann@example.com"))) == (
        403,
        "registration_closed",
    )
    assert (await _rows(house), gateways.asked) == (NOTHING, [])


@pytest.mark.parametrize("email", ["ann@example.com", "ANN@example.COM", " ann@example.com "])
async def test_a_known_address_is_a_409_before_anything_is_made(
    house: House, gateways: ScriptedGateways, email: str
) -> None:
    await house.register("ann@example.com")
    before = await _rows(house)
    answer = await (await house.visitor()).post(REGISTER, json=registration(email))
    assert refusal(answer) == (409, "email_taken")
    assert (await _rows(house), len(gateways.asked)) == (before, 1)


async def test_the_address_of_a_person_of_another_customer_is_known_too(house: House) -> None:
    async with house.context.database.connection() as connection:
        member = await house.member(await customer(connection))
    email = (await member.api.get("/v1/me")).json()["user"]["email"]
    answer = await (await house.visitor()).post(REGISTER, json=registration(email))
    assert refusal(answer) == (409, "email_taken")


# Nothing half-made ------------------------------------------------------------------------------------------


async def test_of_two_who_register_one_address_at_once_one_is_made(house: House, gateways: ScriptedGateways) -> None:
    """Both pass the first look; the loser's gateway is deleted again."""
    gateways.pause = asyncio.Event()
    visitors = [await house.visitor() for _ in range(2)]
    racing = [
        asyncio.create_task(visitor.post(REGISTER, json=registration(email)))
        for visitor, email in zip(visitors, ("ann@example.com", "Ann@Example.com"), strict=True)
    ]
    await until(lambda: len(gateways.asked) >= 2)
    gateways.pause.set()
    answers = await asyncio.gather(*racing)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    rows = await _rows(house)
    assert (rows["customers"], rows["users"], rows["sessions"]) == (1, 1, 1)
    kept = (await house.fetch("SELECT cf_account_id, cf_gateway_id FROM customers"))[0]
    assert gateways.existing == {(kept["cf_account_id"], kept["cf_gateway_id"])}


@pytest.mark.parametrize("step", ["insert", "create_user", "open_session"])
async def test_a_fault_between_gateway_and_rows_leaves_neither(
    house: House, gateways: ScriptedGateways, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whichever statement it was that failed."""
    room = {"insert": customers, "create_user": users, "open_session": sessions}[step]

    async def lost(*_: object, **__: object) -> None:
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(room, step, lost)
    answer = await (await house.visitor()).post(REGISTER, json=registration("ann@example.com"))
    assert refusal(answer) == (503, "database_unavailable")
    assert await _rows(house) == NOTHING
    assert gateways.deleted == gateways.asked
    assert gateways.existing == set()


async def test_a_registration_that_is_cancelled_leaves_nothing(house: House, gateways: ScriptedGateways) -> None:
    """The gateway may have been made when the wait for its answer was cut."""
    gateways.pause = asyncio.Event()
    visitor = await house.visitor()
    task = asyncio.create_task(visitor.post(REGISTER, json=registration("ann@example.com")))
    await until(lambda: gateways.asked)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _rows(house) == NOTHING
    assert gateways.deleted == gateways.asked


async def test_a_commit_whose_answer_was_lost_keeps_its_gateway(
    house: House, gateways: ScriptedGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is there after all: deleting the gateway would leave a customer that believes it has one."""
    write = registering._write

    async def written_and_lost(*arguments: object) -> None:
        await write(*arguments)  # type: ignore[arg-type]
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(registering, "_write", written_and_lost)
    answer = await (await house.visitor()).post(REGISTER, json=registration("ann@example.com"))
    assert answer.status_code == 503
    assert (await house.fetch("SELECT gateway_state FROM customers")) == [{"gateway_state": "ready"}]
    assert (gateways.deleted, len(gateways.existing)) == ([], 1)


async def test_a_gateway_that_cannot_be_deleted_does_not_change_the_answer(
    house: House, gateways: ScriptedGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stuck(account_id: str, gateway_id: str) -> None:
        raise refused(500, "internal error")

    async def lost(*_: object, **__: object) -> None:
        raise Unavailable("the database cannot be reached right now", code="database_unavailable")

    monkeypatch.setattr(gateways, "delete", stuck)
    monkeypatch.setattr(customers, "insert", lost)
    answer = await (await house.visitor()).post(REGISTER, json=registration("ann@example.com"))
    assert refusal(answer) == (503, "database_unavailable")


async def test_without_cloudflare_the_loser_of_a_race_leaves_nothing_either(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look saw nobody; the unique index decides."""

    async def nobody(*_: object) -> None: ...

    monkeypatch.setattr(customers, "refuse_known_email", nobody)
    plain = house.but(management=None, accounts=())
    await plain.register("ann@example.com")
    before = await _rows(house)
    answer = await (await plain.visitor()).post(REGISTER, json=registration("ANN@example.com"))
    assert refusal(answer) == (409, "email_taken")
    assert await _rows(house) == before


# A customer is made -----------------------------------------------------------------------------------------


async def test_registering_makes_customer_gateway_admin_and_session(house: House, gateways: ScriptedGateways) -> None:
    visitor = await house.visitor()
    given = registration("Ann@Example.com", billing_email="bills@example.com", admin_name="Ann")
    answer = await visitor.post(REGISTER, json=given)
    body = answer.json()
    assert answer.status_code == 201
    made = body["customer"]
    assert (made["name"], made["email"], made["billing_email"]) == ("Acme", "Ann@Example.com", "bills@example.com")
    assert (made["gateway_state"], made["cf_gateway_id"]) == ("ready", f"tollhouse-{made['id']}")
    assert gateways.existing == {("first", made["cf_gateway_id"])}
    assert (body["user"]["name"], body["user"]["role"]) == ("Ann", "admin")
    assert body["session"]["expires_at"] == "2026-12-07T12:00:00Z"
    assert re.match(r"__Host-tollhouse_session=ths_[0-9a-f]{64}; HttpOnly;", answer.headers["set-cookie"])
    assert "password" not in answer.text
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    assert (await visitor.get("/v1/me", headers=cookie)).json()["user"] == body["user"]


async def test_without_cloudflare_there_is_a_customer_without_a_gateway(house: House) -> None:
    plain = house.but(management=None, accounts=())
    browser = await plain.register("ann@example.com")
    found = (await browser.get("/v1/customers/me")).json()["customer"]
    assert (found["gateway_state"], found["cf_gateway_id"], found["gateway_attempts"]) == ("none", None, 0)
    assert refusal(await browser.post("/v1/customers/me/gateway")) == (409, "gateways_not_configured")
    assert await provision_pending(plain.context) == 0


async def test_accounts_are_filled_in_order_and_a_full_one_is_passed_over(
    house: House, gateways: ScriptedGateways
) -> None:
    """By our own count first, then by Cloudflare's word."""
    small = house.but(accounts=(account("first", 1), account("second", 20), account("third", 20)))
    gateways.full = {"second"}
    for name in ("ann", "bob", "cid"):
        await small.register(f"{name}@example.com")
    places = await house.fetch("SELECT cf_account_id FROM customers ORDER BY created_at")
    assert [place["cf_account_id"] for place in places] == ["first", "third", "third"]


# A gateway that failed ---------------------------------------------------------------------------------------


async def _failed(house: House, gateways: ScriptedGateways, trouble: Exception) -> dict[str, object]:
    gateways.troubles = [trouble]
    await house.register("ann@example.com")
    found = await house.fetch(
        "SELECT gateway_state, gateway_error, gateway_attempts, cf_gateway_id, cf_account_id FROM customers"
    )
    return found[0]


@pytest.mark.parametrize(
    ("trouble", "error", "account_id"),
    [
        (refused(500, "internal error"), "internal error", "first"),
        (TimeoutError(), "did not answer within 10 seconds", "first"),
    ],
)
async def test_a_failing_gateway_does_not_stop_a_registration(
    house: House, gateways: ScriptedGateways, trouble: Exception, error: str, account_id: str
) -> None:
    """The account is kept: the gateway may be there all the same."""
    found = await _failed(house, gateways, trouble)
    assert (found["gateway_state"], found["gateway_attempts"]) == ("failed", 1)
    assert error in str(found["gateway_error"])
    assert (found["cf_gateway_id"], found["cf_account_id"]) == (None, account_id)


async def test_a_cloudflare_that_never_answers_is_not_waited_for(
    house: House, gateways: ScriptedGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provisioning, "PROVISION_WAIT_S", 0.05)
    gateways.pause = asyncio.Event()
    await house.register("ann@example.com")
    assert await house.fetch("SELECT gateway_state FROM customers") == [{"gateway_state": "failed"}]


@pytest.mark.parametrize("accounts", [(), (account("first", 0),), (account("full", 20),)])
async def test_without_room_anywhere_the_customer_waits(
    house: House, gateways: ScriptedGateways, accounts: tuple[object, ...]
) -> None:
    gateways.full = {"full"}
    await house.but(accounts=accounts).register("ann@example.com")
    found = (await house.fetch("SELECT gateway_state, gateway_error, cf_account_id FROM customers"))[0]
    assert (found["gateway_state"], found["cf_account_id"]) == ("failed", None)
    assert "room" in found["gateway_error"]


async def test_the_loop_heals_after_a_while_and_only_once(
    house: House, gateways: ScriptedGateways, clock: ManualClock
) -> None:
    await _failed(house, gateways, refused(500, "internal error"))
    assert await provision_pending(house.context) == 0  # tried just now
    clock.advance(15)
    assert await provision_pending(house.context) == 1
    assert await provision_pending(house.context) == 0
    found = (await house.fetch("SELECT * FROM customers"))[0]
    assert (found["gateway_state"], found["gateway_error"], found["gateway_attempts"]) == ("ready", None, 2)
    assert gateways.existing == {("first", found["cf_gateway_id"])}
    line = (await house.fetch("SELECT actor, subject FROM audit_log WHERE action = 'gateway.ready'"))[0]
    assert line == {"actor": "provisioning", "subject": found["id"]}


async def test_each_failure_doubles_the_wait_up_to_an_hour(
    house: House, gateways: ScriptedGateways, clock: ManualClock
) -> None:
    await _failed(house, gateways, refused(500, "internal error"))
    for wait_s in (15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600):
        gateways.troubles = [refused(500, "internal error")]
        tries = len(gateways.asked)
        clock.advance(wait_s - 1)
        await provision_pending(house.context)
        assert len(gateways.asked) == tries, wait_s
        clock.advance(1)
        await provision_pending(house.context)
        assert len(gateways.asked) == tries + 1, wait_s


async def test_workers_do_not_do_the_same_work(
    house: House, embedded_url: str, gateways: ScriptedGateways, clock: ManualClock
) -> None:
    """Two processes, four customers: each gateway is asked for once, whoever gets it."""
    gateways.troubles = [refused(500, "internal error")] * 4
    for name in ("ann", "bob", "cid", "dee"):
        await house.register(f"{name}@example.com")
    gateways.asked.clear()
    clock.advance(15)
    async with connected(embedded_url) as elsewhere:
        other = house.but(database=elsewhere)
        made = await asyncio.gather(provision_pending(house.context), provision_pending(other.context))
    assert sum(made) == 4
    assert len(gateways.asked) == len(set(gateways.asked)) == 4


async def test_what_a_dead_worker_had_taken_is_taken_again(
    house: House, gateways: ScriptedGateways, clock: ManualClock
) -> None:
    await _failed(house, gateways, refused(500, "internal error"))
    clock.advance(15)
    async with house.context.database.transaction() as connection:
        assert await customers.claim_due(connection, clock.now()) is not None
    assert await house.fetch("SELECT gateway_state FROM customers") == [{"gateway_state": "pending"}]
    assert await provision_pending(house.context) == 0
    clock.advance(30)
    assert await provision_pending(house.context) == 1


async def test_a_late_failure_does_not_take_a_success_back(
    house: House, gateways: ScriptedGateways, clock: ManualClock
) -> None:
    await _failed(house, gateways, refused(500, "internal error"))
    customer_id = (await house.fetch("SELECT id FROM customers"))[0]["id"]
    clock.advance(15)
    assert await provision_pending(house.context) == 1
    async with house.context.database.transaction() as connection:
        await customers.gateway_failed(connection, customer_id, "too late", "second")
        assert await customers.gateway_is_ready(connection, customer_id, "other", "second") is None
    found = (await house.fetch("SELECT gateway_state, cf_account_id FROM customers"))[0]
    assert found == {"gateway_state": "ready", "cf_account_id": "first"}


async def test_a_retry_goes_where_the_gateway_may_be_already(
    house: House, gateways: ScriptedGateways, clock: ManualClock
) -> None:
    """Even when that account has filled up meanwhile: this gateway may be one of those in it."""
    small = house.but(accounts=(account("first", 1), account("second", 1)))
    gateways.troubles = [TimeoutError()]
    await small.register("ann@example.com")
    await small.register("bob@example.com")
    clock.advance(15)
    assert await provision_pending(small.context) == 1
    places = await house.fetch("SELECT cf_account_id FROM customers ORDER BY created_at")
    assert [place["cf_account_id"] for place in places] == ["first", "second"]


# An admin who does not want to wait ---------------------------------------------------------------------------


async def test_an_admin_provisions_now(house: House, gateways: ScriptedGateways) -> None:
    gateways.troubles = [refused(500, "internal error"), refused(403, "forbidden here")]
    browser = await house.register("ann@example.com")
    failed = await browser.post("/v1/customers/me/gateway")
    assert refusal(failed) == (502, "gateway_failed")
    assert "forbidden here" in failed.json()["error"]["message"]
    made = await browser.post("/v1/customers/me/gateway")
    assert (made.status_code, made.json()["customer"]["gateway_state"]) == (200, "ready")
    again = await browser.post("/v1/customers/me/gateway")
    assert (again.status_code, len(gateways.asked)) == (200, 3)
    line = (await house.fetch("SELECT actor FROM audit_log WHERE action = 'gateway.ready'"))[0]
    assert line["actor"] == (await house.fetch("SELECT id FROM users"))[0]["id"]


async def test_a_customer_from_before_cloudflare_gets_its_gateway_when_asked(
    house: House, gateways: ScriptedGateways
) -> None:
    async with house.context.database.connection() as connection:
        acme = await customer(connection, gateway_state="none", cf_gateway_id=None, cf_account_id=None)
    admin = await house.member(acme, "admin")
    made = await admin.api.post("/v1/customers/me/gateway")
    assert made.json()["customer"]["cf_gateway_id"] == f"tollhouse-{acme}"


@pytest.mark.parametrize("role", ["manager", "member"])
async def test_only_an_admin_may_provision(house: House, gateways: ScriptedGateways, role: str) -> None:
    async with house.context.database.connection() as connection:
        member = await house.member(await customer(connection, gateway_state="failed", cf_gateway_id=None), role)
    assert refusal(await member.api.post("/v1/customers/me/gateway")) == (403, "forbidden")
    assert gateways.asked == []
