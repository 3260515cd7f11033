"""The levers: health, book, requests, reset - and that they refuse what they do not know."""

import pytest

from emulator.emulated import ACCOUNT, CALL, GATEWAY, TOKEN, Emulated, call_headers
from tollhouse.emulator.received import MAX_BODY_BYTES, RequestLog
from tollhouse.emulator.wire import Request


async def test_health(emulated: Emulated) -> None:
    answer = await emulated.client.get("/_emulator/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(("method", "path"), [("GET", "nothing"), ("POST", "book"), ("GET", "reset"), ("GET", "")])
async def test_there_is_no_other_control(emulated: Emulated, method: str, path: str) -> None:
    assert (await emulated.client.request(method, f"/_emulator/{path}")).status_code == 404


@pytest.mark.parametrize(
    ("control", "body", "field"),
    [
        ("reset", {"gateway": True}, "gateway"),
        ("reset", {"gateways": 1}, "gateways"),
        ("management", {"nxt": []}, "nxt"),
        ("management", {"next": [{"on": "remove"}]}, "next[0].on"),
        ("management", {"next": [{"status": 99}]}, "next[0].status"),
        ("management", {"next": [{"commit": "yes"}]}, "next[0].commit"),
        ("management", {"logs": "never"}, "logs"),
    ],
)
async def test_a_bad_order_is_refused_by_name(
    emulated: Emulated, control: str, body: dict[str, object], field: str
) -> None:
    answer = await emulated.client.post(f"/_emulator/{control}", json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


async def test_requests_are_kept_as_received(emulated: Emulated) -> None:
    headers = call_headers() | {"X-Odd": "one"}
    await emulated.client.post(f"/v1/{ACCOUNT}/{GATEWAY}/openai/chat/completions?a=b", json=CALL, headers=headers)
    last = (await emulated.requests(body="1"))[-1]
    assert (last["method"], last["path"]) == ("POST", f"/v1/{ACCOUNT}/{GATEWAY}/openai/chat/completions")
    assert (last["query"], last["status"], last["payer"]) == ("a=b", 200, "unified")
    assert (last["gateway"], last["provider"]) == (GATEWAY, "openai")
    assert ["cf-aig-authorization", f"Bearer {TOKEN}"] in last["headers"]
    assert ["x-odd", "one"] in last["headers"]
    assert last["body_bytes"] == len(last["body"])
    assert '"gpt-4o-mini"' in last["body"]


async def test_bodies_are_shown_only_on_demand(emulated: Emulated) -> None:
    await emulated.call()
    assert "body" not in (await emulated.requests())[-1]


async def test_management_and_refused_requests_are_kept_too(emulated: Emulated) -> None:
    await emulated.call(token=None)
    await emulated.manage("GET", "ai-gateway/gateways")
    kept = [(request["method"], request["status"]) for request in await emulated.requests()]
    assert kept[-2:] == [("POST", 401), ("GET", 200)]


def test_the_memory_of_requests_is_bounded() -> None:
    log = RequestLog()
    for number in range(1_005):
        log.add(Request("POST", f"/{number}", "", (), b"x" * (MAX_BODY_BYTES + 1), {}), "now")
    kept = log.shown(with_body=True)
    assert len(kept) == 1_000
    assert kept[0]["path"] == "/5"
    assert kept[0]["body_bytes"] == MAX_BODY_BYTES + 1
    assert len(str(kept[0]["body"])) == MAX_BODY_BYTES


async def test_a_reset_forgets_everything_but_the_gateways(emulated: Emulated) -> None:
    await emulated.call(headers={"cf-aig-skip-cache": "false"})
    await emulated.call(token=None)
    await emulated.script({"status": 500})
    await emulated.order(next=[{"status": 500}])
    assert (await emulated.client.post("/_emulator/reset")).status_code == 200
    book = await emulated.book()
    assert (book["calls"], book["true_cost_nanos"], book["rejected"], book["by_call"]) == (0, 0, {}, [])
    assert await emulated.requests() == []
    answer = await emulated.call(headers={"cf-aig-skip-cache": "false"})
    assert (answer.status_code, answer.headers["cf-aig-cache-status"]) == (200, "MISS")
    assert (await emulated.manage("GET", "ai-gateway/gateways")).status_code == 200


async def test_a_reset_forgets_the_gateways_if_asked(emulated: Emulated) -> None:
    await emulated.client.post("/_emulator/reset", json={"gateways": True})
    assert (await emulated.manage("GET", f"ai-gateway/gateways/{GATEWAY}")).status_code == 404
