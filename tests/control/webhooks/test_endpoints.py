"""The customer's webhook over HTTP: its secret is shown once, and nobody but admins has to do with it."""

import hashlib
import hmac
from typing import Any

import pytest

from control.house import House, Member, refusal
from control.webhooks.receiver import answer, receiving
from making import customer

WEBHOOK = "/v1/customers/me/webhook"
URL = "https://hooks.example/tollhouse"


@pytest.fixture
async def admin(house: House) -> Member:
    return await _admin(house)


async def _admin(house: House) -> Member:
    async with house.context.database.connection() as connection:
        return await house.member(await customer(connection), "admin")


async def _set(who: Member, url: str = URL, **fields: object) -> dict[str, Any]:
    made = await who.api.put(WEBHOOK, json={"url": url} | fields)
    assert made.status_code == 200, made.text
    shown: dict[str, Any] = made.json()
    return shown


async def test_the_secret_is_shown_when_it_is_made_and_never_again(house: House, admin: Member) -> None:
    assert (await admin.api.get(WEBHOOK)).json() == {"webhook": None}
    made = await _set(admin)
    assert made["secret"].startswith("thw_")
    assert made["webhook"]["url"] == URL
    read = await admin.api.get(WEBHOOK)
    assert read.json() == {"webhook": made["webhook"]}
    assert made["secret"] not in read.text
    moved = await _set(admin, "https://other.example/")
    assert (moved["webhook"]["url"], moved["secret"]) == ("https://other.example/", None)
    assert moved["webhook"]["created_at"] == made["webhook"]["created_at"]
    rotated = await _set(admin, rotate_secret=True)
    assert rotated["secret"] not in (None, made["secret"])
    [kept] = await house.fetch("SELECT secret FROM webhooks")
    assert kept["secret"] == rotated["secret"]


async def test_changes_are_audited_without_the_secret(house: House, admin: Member) -> None:
    secret = (await _set(admin))["secret"]
    await _set(admin, "https://other.example/")
    for _ in range(2):
        assert (await admin.api.delete(WEBHOOK)).status_code == 204
    assert (await admin.api.get(WEBHOOK)).json() == {"webhook": None}
    lines = await house.fetch("SELECT * FROM audit_log WHERE action LIKE 'webhook.%' ORDER BY id")
    assert [(line["action"], line["actor"], line["subject"]) for line in lines] == [
        ("webhook.set", admin.id, admin.customer_id),
        ("webhook.set", admin.id, admin.customer_id),
        ("webhook.delete", admin.id, admin.customer_id),
    ]
    assert (lines[0]["before"], lines[0]["after"]) == (None, {"url": URL, "new_secret": True})
    assert (lines[1]["before"], lines[1]["after"]["new_secret"]) == ({"url": URL}, False)
    assert secret not in str(lines)


async def test_it_is_for_admins_and_for_their_own_customer(house: House, admin: Member) -> None:
    await _set(admin)
    for role in ("member", "manager"):
        who = await house.member(admin.customer_id, role)
        assert refusal(await who.api.get(WEBHOOK)) == (403, "forbidden")
        assert refusal(await who.api.put(WEBHOOK, json={"url": URL})) == (403, "forbidden")
        assert refusal(await who.api.delete(WEBHOOK)) == (403, "forbidden")
        assert refusal(await who.api.post(f"{WEBHOOK}/test")) == (403, "forbidden")
    stranger = await _admin(house)
    assert (await stranger.api.get(WEBHOOK)).json() == {"webhook": None}
    assert (await stranger.api.delete(WEBHOOK)).status_code == 204
    assert (await admin.api.get(WEBHOOK)).json()["webhook"]["url"] == URL


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "url"),
        ({"url": "http://hooks.example/"}, "url"),
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "https://u:p@hooks.example/"}, "url"),
        ({"url": "https://hooks.example/" + "x" * 2000}, "url"),
        ({"url": "https://hooks.example/\x00"}, "url"),
        ({"url": URL, "secret": "mine"}, "secret"),
    ],
)
async def test_an_address_that_webhooks_must_not_go_to_is_refused(
    busy_house: House, body: dict[str, object], param: str
) -> None:
    who = await _admin(busy_house)
    refused = await who.api.put(WEBHOOK, json=body)
    assert refused.status_code == 422
    assert refused.json()["error"]["param"] == param
    assert (await who.api.get(WEBHOOK)).json() == {"webhook": None}


async def _private(house: House, admin: Member) -> Member:
    """The same admin in an installation that allows receivers of its own."""
    api = await house.but(allow_private_webhooks=True).visitor()
    api.headers["Authorization"] = admin.api.headers["Authorization"]
    return Member(admin.id, admin.customer_id, api)


async def test_a_trial_is_sent_at_once_and_its_end_is_told(house: House, admin: Member) -> None:
    who = await _private(house, admin)
    assert refusal(await who.api.post(f"{WEBHOOK}/test")) == (404, "webhook_not_set")
    async with receiving(answer(204), answer(500)) as receiver:
        secret = (await _set(who, receiver.url()))["secret"]
        good = await who.api.post(f"{WEBHOOK}/test")
        assert good.json() == {"delivered": True, "status": 204, "error": None}
        [request] = receiver.arrived
        at, signed = (part.partition("=")[2] for part in request.headers["Tollhouse-Signature"].split(","))
        told = hmac.new(secret.encode(), at.encode() + b"." + request.body, hashlib.sha256).hexdigest()
        assert signed == told
        bad = await who.api.post(f"{WEBHOOK}/test")
        assert bad.json() == {"delivered": False, "status": 500, "error": "answered 500"}
        shown = (await who.api.get(WEBHOOK)).json()["webhook"]
        assert (shown["last_status"], shown["last_error"]) == (500, "answered 500")
        assert shown["last_tried_at"]
    moved = await _set(who)
    assert (moved["webhook"]["last_tried_at"], moved["webhook"]["last_error"]) == (None, None)


async def test_an_installation_that_allows_it_no_longer_does_not_send(house: House, admin: Member) -> None:
    async with receiving() as receiver:
        await _set(await _private(house, admin), receiver.url())
        tried = (await admin.api.post(f"{WEBHOOK}/test")).json()
        assert tried == {
            "delivered": False,
            "status": None,
            "error": "not sent: must begin with https:// and name a host",
        }
        assert receiver.connections == 0


async def test_trials_are_few_in_a_while(house: House, admin: Member) -> None:
    async with receiving() as receiver:
        who = await _private(house, admin)
        await _set(who, receiver.url())
        tries = [await who.api.post(f"{WEBHOOK}/test") for _ in range(11)]
    assert [each.status_code for each in tries] == [200] * 10 + [429]
    assert refusal(tries[-1]) == (429, "rate_limited")
