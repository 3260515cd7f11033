"""Our book beside Cloudflare's logs: what differs is listed with both sides, and nothing is ever changed."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from control.house import House, Member, ScriptedGateways, refused
from making import a_receipt, book_of, customer, key
from tollhouse.access.keys import NewKey
from tollhouse.cloudflare.call_logs import CallLog
from tollhouse.control.callers import Person, Role
from tollhouse.control.ledger import reconcile
from tollhouse.control.ledger.reconcile import Difference, Reconciliation, Side
from tollhouse.foundation.errors import BadGateway, Conflict, Forbidden, Unprocessable
from tollhouse.foundation.ids import CustomerId, new_call_id
from tollhouse.foundation.money import Nanos
from tollhouse.ledger import corrections
from tollhouse.ledger.corrections import Correction
from tollhouse.usage import receipts
from tollhouse.usage.receipts import Receipt

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Office:
    house: House
    gateways: ScriptedGateways
    id: CustomerId
    admin: Member
    key: NewKey

    def person(self, role: Role = "admin") -> Person:
        return Person(self.admin.id, self.id, "", "", role, frozenset(), "session", "")

    async def compared(self, since: datetime = NOON - HOUR, until: datetime = NOON + HOUR) -> Reconciliation:
        return await reconcile.reconcile(self.house.context, self.person(), since, until)

    async def receive(self, **changes: object) -> Receipt:
        """A receipt of a call that cost 5,000 nano-dollars."""
        usual = {"input_tokens": 10, "output_tokens": 20, "cf_log_id": f"LOG{new_call_id()}"}
        costs = {"hold_nanos": 9_000, "cost_nanos": 5_000}
        written = a_receipt(self.id, self.key.key_id, NOON, **(usual | costs | changes))
        async with self.house.context.database.connection() as connection:
            await receipts.write(connection, [written])
        return written


def row_of(receipt: Receipt, **changes: Any) -> CallLog:
    """Cloudflare's row of the same call, of the same opinion."""
    row = CallLog(
        id=receipt.cf_log_id or "LOST",
        at=receipt.started_at + timedelta(seconds=1),
        provider=receipt.provider,
        model=receipt.model,
        status=200,
        tokens_in=receipt.input_tokens,
        tokens_out=receipt.output_tokens,
        cost=Nanos(receipt.cost_nanos),
        call_id=receipt.call_id,
    )
    return replace(row, **changes)


@pytest.fixture
async def office(house: House, gateways: ScriptedGateways) -> Office:
    async with house.context.database.connection() as connection:
        acme = await customer(connection)
        made = await key(connection, acme)
    return Office(house, gateways, acme, await house.member(acme, "admin"), made)


async def test_books_that_say_the_same_have_no_differences(office: Office) -> None:
    for _ in range(3):
        office.gateways.rows.append(row_of(await office.receive()))
    found = await office.compared()
    assert (found.calls, found.rows, found.agreed, found.unlogged, found.differences) == (3, 3, 3, 0, [])


async def test_another_cost_and_other_tokens_are_listed_with_both_sides(office: Office) -> None:
    receipt = await office.receive()
    row = row_of(receipt, cost=Nanos(7_000), tokens_out=21)
    office.gateways.rows.append(row)
    found = await office.compared()
    sides = Side(Nanos(5_000), 10, 20), Side(Nanos(7_000), 10, 21)
    same = (receipt.started_at, receipt.model, receipt.call_id, receipt.cf_log_id, *sides)
    assert found.differences == [Difference("cost", *same), Difference("tokens", *same)]
    assert found.agreed == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"cost": Nanos(6_000)},
        {"cost": Nanos(4_000)},
        {"cost": None},
        {"tokens_in": None, "tokens_out": None},
    ],
)
async def test_what_is_not_said_or_less_than_a_microdollar_is_no_difference(
    office: Office, changes: dict[str, object]
) -> None:
    office.gateways.rows.append(row_of(await office.receive(), **changes))
    assert (await office.compared()).agreed == 1


async def test_tokens_that_we_only_estimated_are_not_compared(office: Office) -> None:
    receipt = await office.receive(usage_source="estimated", entry_kind="estimated")
    office.gateways.rows.append(row_of(receipt, tokens_in=1, tokens_out=1))
    assert (await office.compared()).agreed == 1


async def test_a_row_without_a_call_of_ours_is_listed(office: Office) -> None:
    receipt = await office.receive()
    stray = row_of(receipt, id="STRAY", call_id=None)
    office.gateways.rows += [row_of(receipt), stray]
    found = await office.compared()
    theirs = Side(Nanos(5_000), 10, 20)
    assert found.differences == [Difference("no_receipt", stray.at, stray.model, None, "STRAY", None, theirs)]


async def test_a_call_without_a_row_is_listed_where_rows_are_kept(office: Office) -> None:
    receipt = await office.receive()
    found = await office.compared()
    assert [(each.kind, each.call_id) for each in found.differences] == [("no_log", receipt.call_id)]
    office.gateways.keeps_logs = False
    found = await office.compared()
    assert (found.kept, found.unlogged, found.differences) == (False, 1, [])
    office.gateways.keeps_logs, office.gateways.offers_logs = True, False
    found = await office.compared()
    assert (found.offered, found.unlogged, found.differences) == (False, 1, [])


async def test_a_call_that_died_before_it_knew_its_row_is_found_by_its_own_id(office: Office) -> None:
    """This is how the true cost of a call in doubt is learned."""
    receipt = await office.receive(cf_log_id=None, entry_kind="in_doubt", usage_source="none", cost_nanos=9_000)
    office.gateways.rows.append(row_of(receipt, cost=Nanos(5_000)))
    (difference,) = (await office.compared()).differences
    assert (difference.kind, difference.call_id, difference.log_id) == ("cost", receipt.call_id, "LOST")
    assert (difference.ours, difference.theirs) == (Side(Nanos(9_000), None, None), Side(Nanos(5_000), 10, 20))


async def test_a_corrected_cost_is_what_is_compared(office: Office) -> None:
    async with office.house.context.database.connection() as connection:
        made = await book_of(connection, office.id, office.key.key_id)
        call = await made.reserve(9_000)
        await made.settle(call, "in_doubt")
        today = datetime.now(UTC)
        receipt = await office.receive(
            call_id=call.call.call_id, entry_day=today.date(), started_at=today, cost_nanos=9_000
        )
        correction = Correction(call.call.call_id, Nanos(5_000), "as they say", "me")
        await corrections.adjust(connection, office.id, correction)
    office.gateways.rows.append(row_of(receipt, cost=Nanos(5_000)))
    assert (await office.compared(today - HOUR, today + HOUR)).agreed == 1


async def test_what_lies_at_the_edge_is_not_taken_for_missing(office: Office) -> None:
    """A call begun inside with its row outside, and the other way round."""
    inside = await office.receive(started_at=NOON + HOUR - timedelta(seconds=1))
    before = await office.receive(started_at=NOON - HOUR - timedelta(seconds=1))
    office.gateways.rows += [row_of(inside, at=NOON + 2 * HOUR), row_of(before, at=NOON - HOUR)]
    found = await office.compared()
    assert (found.calls, found.rows, found.agreed, found.differences) == (1, 1, 1, [])


async def test_many_calls_are_read_in_pages_up_to_a_bound(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "_CALLS_AT_ONCE", 2)
    for number in range(5):
        office.gateways.rows.append(row_of(await office.receive(started_at=NOON + timedelta(seconds=number // 2))))
    found = await office.compared()
    assert (found.calls, found.agreed, found.cut) == (5, 5, False)
    monkeypatch.setattr(reconcile, "MOST_CALLS", 4)
    found = await office.compared()
    assert (found.calls, found.cut) == (4, True)


async def test_nothing_is_changed(office: Office) -> None:
    office.gateways.rows.append(row_of(await office.receive(), cost=Nanos(1)))
    before = await office.house.fetch("SELECT * FROM receipts")
    await office.compared()
    assert await office.house.fetch("SELECT * FROM receipts") == before
    assert await office.house.fetch("SELECT * FROM ledger_entries") == []


async def test_others_calls_and_rows_are_not_looked_at(office: Office) -> None:
    await office.receive(customer_id="other")
    assert (await office.compared()).calls == 0


async def test_what_cannot_be_compared_is_refused(office: Office) -> None:
    with pytest.raises(Unprocessable):
        await office.compared(NOON, NOON)
    with pytest.raises(Unprocessable):
        await office.compared(NOON, NOON + timedelta(days=32))
    with pytest.raises(Forbidden):
        await reconcile.reconcile(office.house.context, office.person("manager"), NOON, NOON + HOUR)
    office.gateways.troubles.append(refused(500, "out of order"))
    with pytest.raises(BadGateway, match="out of order"):
        await office.compared()
    async with office.house.context.database.connection() as connection:
        await connection.execute("UPDATE customers SET cf_gateway_id = NULL")
    with pytest.raises(Conflict):
        await office.compared()
    without = Office(office.house.but(management=None), office.gateways, office.id, office.admin, office.key)
    with pytest.raises(Conflict):
        await without.compared()
