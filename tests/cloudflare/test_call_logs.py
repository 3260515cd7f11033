"""Cloudflare's rows about calls: taken as they come, read to the end of the time asked for, never without end."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from tollhouse.cloudflare import management as managing
from tollhouse.cloudflare.accounts import Account
from tollhouse.cloudflare.api import ManagementError
from tollhouse.cloudflare.call_logs import CallLog, GatewayLogs, read_page
from tollhouse.cloudflare.management import GatewayManagement
from tollhouse.foundation.secrets import Secret

ACCOUNT = "0123456789abcdef0123456789abcdef"
GATEWAY = "tollhouse-c1"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

Json = dict[str, object]


def row(log_id: str, at: datetime = NOON, **changes: object) -> Json:
    made: Json = {
        "id": log_id,
        "created_at": at.isoformat(),
        "provider": "openai",
        "model": "gpt-4o-mini",
        "status_code": 200,
        "tokens_in": 12,
        "tokens_out": 34,
        "cost": 0.0000345,
        "metadata": {"call_id": "c1", "customer": "acme"},
        "success": True,
        "timings": {"new": ["field"]},
    }
    return made | changes


def read(*rows: object) -> list[CallLog]:
    return read_page(msgspec.Raw(msgspec.json.encode(list(rows))))


# One row ---------------------------------------------------------------------------------------------------


def test_a_row_is_read_without_a_float() -> None:
    assert read(row("L1")) == [CallLog("L1", NOON, "openai", "gpt-4o-mini", 200, 12, 34, 34_500, "c1")]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("metadata", "call_id"),
    [
        ('{"call_id": "c2"}', "c2"),
        ({"call_id": 7}, None),
        ('{"call_id": 7}', None),
        ("not json", None),
        ("[1]", None),
        ({}, None),
        (None, None),
    ],
)
def test_metadata_is_an_object_or_a_string_or_useless(metadata: object, call_id: str | None) -> None:
    assert read(row("L1", metadata=metadata))[0].call_id == call_id


@pytest.mark.parametrize(("cost", "nanos"), [(None, None), (0, 0), ("NaN", None), (1e30, None), ("Infinity", None)])
def test_a_cost_that_is_none_is_not_known(cost: object, nanos: int | None) -> None:
    assert read(row("L1", cost=cost))[0].cost == nanos


def test_a_time_without_an_offset_is_utc() -> None:
    assert read(row("L1", created_at="2026-11-23T12:00:00"))[0].at == NOON


def test_what_is_missing_is_not_known() -> None:
    assert read({"id": "L1", "created_at": NOON.isoformat()}) == [
        CallLog("L1", NOON, "", "", None, None, None, None, None)
    ]


@pytest.mark.parametrize("page", [b"null", b"{}", b'[{"id": 1}]', b'[{"id": "\xff"}]', b'["x"]'])
def test_a_page_that_is_none_is_a_failure(page: bytes) -> None:
    with pytest.raises(ManagementError, match="a page of logs that is none"):
        read_page(msgspec.Raw(page))


# A gateway's rows ------------------------------------------------------------------------------------------

Answer = Callable[[dict[str, str]], httpx.Response]


def ok(result: object) -> httpx.Response:
    return httpx.Response(200, json={"success": True, "result": result})


def no(status: int, code: int) -> httpx.Response:
    return httpx.Response(status, json={"success": False, "errors": [{"code": code, "message": "no"}]})


async def logs(answer: Answer, *, collect: bool = True, since: datetime = NOON - HOUR) -> GatewayLogs:
    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(f"/gateways/{GATEWAY}"):
            return ok({"id": GATEWAY, "collect_logs": collect})
        assert request.url.path.endswith(f"/gateways/{GATEWAY}/logs")
        return answer(dict(request.url.params))

    account = Account(ACCOUNT, Secret("token"), Secret("run"))
    transport = httpx.MockTransport(serve)
    async with GatewayManagement("https://cloudflare.test/v4", [account], transport=transport) as management:
        return await management.logs(ACCOUNT, GATEWAY, since, NOON + HOUR)


async def test_pages_are_read_newest_first_until_the_time_asked_for_is_over() -> None:
    """Rows that were pushed onto the next page meanwhile count once; those outside the time do not count."""
    pages = [
        [row("NEW", NOON + 2 * HOUR), row("C"), row("B")],
        [row("B"), row("A", NOON - HOUR), row("OLD", NOON - 2 * HOUR)],
    ]
    asked: list[dict[str, str]] = []

    def answer(query: dict[str, str]) -> httpx.Response:
        asked.append(query)
        return ok(pages[int(query["page"]) - 1])

    found = await logs(answer)
    assert [each.id for each in found.rows] == ["C", "B", "A"]
    assert (found.kept, found.offered, found.cut) == (True, True, False)
    assert asked[0] == {"page": "1", "per_page": "50", "order_by": "created_at", "order_by_direction": "desc"}
    assert len(asked) == 2


async def test_a_page_without_anything_new_is_the_end() -> None:
    found = await logs(lambda _query: ok([row("A")]), collect=False)
    assert ([each.id for each in found.rows], found.kept) == (["A"], False)


async def test_logs_without_end_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managing, "_MOST_PAGES_OF_LOGS", 3)
    found = await logs(lambda query: ok([row(f"R{query['page']}")]))
    assert (len(found.rows), found.cut) == (3, True)


async def test_an_account_without_such_an_api_is_no_failure() -> None:
    found = await logs(lambda _query: no(404, 7003))
    assert (found.offered, found.rows) == (False, ())


async def test_other_failures_are_failures() -> None:
    with pytest.raises(ManagementError):
        await logs(lambda _query: no(403, 10000))


async def test_a_gateway_that_is_not_there_has_no_logs_to_read() -> None:
    account = Account(ACCOUNT, Secret("token"), Secret("run"))
    transport = httpx.MockTransport(lambda _request: no(404, 7002))
    async with GatewayManagement("https://cloudflare.test/v4", [account], transport=transport) as management:
        with pytest.raises(ManagementError, match="no such gateway"):
            await management.logs(ACCOUNT, GATEWAY, NOON, NOON + HOUR)
