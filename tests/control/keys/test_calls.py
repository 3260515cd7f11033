"""The calls of a key, page by page."""

from datetime import timedelta

import pytest

from control.house import House, Member, refusal
from making import ManualClock, a_receipt, key
from tollhouse.access.keys import NewKey
from tollhouse.db.pool import Connection
from tollhouse.foundation.ids import CallId, CustomerId
from tollhouse.usage import receipts


async def _called(
    connection: Connection, owner: CustomerId, made: NewKey, clock: ManualClock, *ages_s: int
) -> list[CallId]:
    """Calls of the key, so many seconds ago."""
    told = [
        a_receipt(owner, made.key_id, clock.now() - timedelta(seconds=age), entry_day=clock.now().date(), cost_nanos=5)
        for age in ages_s
    ]
    await receipts.write(connection, told)
    return [each.call_id for each in told]


async def test_calls_come_newest_first_in_pages_and_each_once(
    house: House, acme: CustomerId, manager: Member, clock: ManualClock
) -> None:
    """Also those that began in the same moment, and no call of another key."""
    async with house.context.database.connection() as connection:
        mine, other = await key(connection, acme), await key(connection, acme)
        old, *same, new = await _called(connection, acme, mine, clock, 9, 5, 5, 5, 1)
        await _called(connection, acme, other, clock, 3)
    path = f"/v1/ai/keys/{mine.key_hash}/calls"
    whole = (await manager.api.get(path)).json()
    expected = [new, *sorted(same, reverse=True), old]
    assert [call["call_id"] for call in whole["calls"]] == expected
    assert whole["next_cursor"] is None
    seen, cursor = [], None
    for _ in range(3):
        query = {"limit": "2"} | ({} if cursor is None else {"cursor": cursor})
        page = (await manager.api.get(path, params=query)).json()
        seen += page["calls"]
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == whole["calls"]


@pytest.mark.parametrize("cursor", ["x", "!", "", "MTIzLng"])
async def test_words_that_are_no_cursor_are_refused(
    house: House, acme: CustomerId, manager: Member, cursor: str
) -> None:
    async with house.context.database.connection() as connection:
        made = await key(connection, acme)
    answer = await manager.api.get(f"/v1/ai/keys/{made.key_hash}/calls", params={"cursor": cursor})
    assert refusal(answer) == (400, "invalid_cursor")
