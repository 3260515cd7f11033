"""`tollhouse ledger` as somebody at a terminal meets it: one line for each thing, a status for scripts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from commands.terminal import Terminal
from ledger.working import account, working
from ledger.written import days_ago, forge, seal_all, write_entry
from making import Book, book
from stage import ACCOUNT, TOKEN, Stage, open_stage
from tollhouse.commands import ledger
from tollhouse.db.pool import Connection, Database
from tollhouse.foundation import logs
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.records import Reserved


@pytest.fixture
def terminal(embedded_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """The log, which real commands send elsewhere, is kept out of what they say."""
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    with capture_logs():
        yield Terminal(embedded_url, data_dir, "ledger")


# Verify ----------------------------------------------------------------------------------------------------


async def test_a_right_book_is_said_to_be_right(terminal: Terminal, embedded_database: Database) -> None:
    assert "no day is sealed yet" in await terminal.run("verify")
    async with embedded_database.connection() as connection:
        await write_entry(connection, days_ago(3))
    sealed = await seal_all(embedded_database)
    said = await terminal.run("verify")
    assert said.startswith(f"1 entries were read; {len(sealed)} days are sealed, the last is {sealed[-1].day}: ")
    assert sealed[-1].hash.hex() in said
    assert said.endswith("the book is right\n")
    assert terminal.status == 0


async def test_everything_that_is_wrong_is_a_line_and_the_status_is_1(
    terminal: Terminal, embedded_database: Database
) -> None:
    async with embedded_database.connection() as connection:
        entry_id = await write_entry(connection, days_ago(3))
        await seal_all(embedded_database)
        await forge(connection, "UPDATE ledger_entries SET model = 'other' WHERE entry_id::text = $1", entry_id)
        await (await book(connection, 1000)).spend(100)
        await connection.execute("UPDATE ledger_accounts SET leased_nanos = 1")
    lines = (await terminal.run("verify")).splitlines()
    assert [line.partition(":")[0] for line in lines[1:]] == ["seals", "audit"]
    assert str(days_ago(3).date()) in lines[1]
    assert terminal.status == 1


# Show ------------------------------------------------------------------------------------------------------


async def _key(connection: Connection, made: Book) -> str:
    key_hash = "0" * 63 + "1"
    await connection.execute(
        "INSERT INTO customers (id, name, email) VALUES ($1, 'c', 'c@x.example')", made.customer_id
    )
    await connection.execute(
        "INSERT INTO ai_gateway_keys (id, customer_id, key_hash, display, name) VALUES ($1, $2, $3, '', '')",
        made.key_id,
        made.customer_id,
        key_hash,
    )
    return key_hash


async def test_accounts_are_shown_by_customer_key_and_budget(
    terminal: Terminal, embedded_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with embedded_database.connection() as connection:
        made = await book(connection, 2_000, "daily")
        key_hash = await _key(connection, made)
        await made.spend(500)
        await made.reserve(70)
        await book(connection)
        await connection.execute(
            "SELECT ledger_set_budget($1, 'team', 't1', 5, NULL, 'a', 'gpt-*'), ledger_end_budget(3)", made.customer_id
        )
        budget_id = await connection.fetchval("SELECT budget_id FROM ledger_budgets WHERE scope_id = $1", made.key_id)
    whole = await terminal.run("show")
    assert len(whole.splitlines()) == 3
    assert "limit none" in whole
    by_customer = (await terminal.run("show", "--customer", made.customer_id)).splitlines()
    assert len(by_customer) == 2
    line = by_customer[0]
    assert line.startswith(f"budget {budget_id}  key {made.key_id}  main  period 1 until 20")
    assert "limit 0.000002000  spent 0.000000500  leased 0.000000070  doubt 0.000000000" in line
    assert "team t1  a for gpt-* (ended)  period 1  limit none" in by_customer[1]
    assert await terminal.run("show", "--key", key_hash) == line + "\n"
    assert await terminal.run("show", "--budget", str(budget_id)) == line + "\n"
    monkeypatch.setattr(ledger, "MOST_ACCOUNTS", 2)
    assert "these are the first 2" in await terminal.run("show")
    assert "no such account" in await terminal.run("show", "--customer", "nobody")
    assert terminal.status == 1
    assert "no such key" in await terminal.run("show", "--key", "0" * 64)


async def test_a_call_is_shown_with_corrections_and_without_a_receipt(
    terminal: Terminal, embedded_database: Database
) -> None:
    async with embedded_database.connection() as connection:
        made = await book(connection, 10**10)
        call = await made.spend(10**9)
    await terminal.run("adjust", call.call.call_id, "--cost-usd", "0.25", "--reason", "the invoice says so")
    lines = (await terminal.run("show", "--call", call.call.call_id)).splitlines()
    assert "exact      1.000000000 USD of 1.000000000 held  openai/gpt-4o-mini" in lines[0]
    assert lines[1].endswith("by command line: the invoice says so")
    assert lines[2:] == ["in sum 0.250000000 USD", "no receipt (yet)"]
    for unknown in ("1", "01234567-89ab-cdef-0123-456789abcdef"):
        assert "no entry of this call" in await terminal.run("show", "--call", unknown)
        assert terminal.status == 1


# Adjust ----------------------------------------------------------------------------------------------------


async def test_an_operators_correction_is_booked_billed_and_audited(
    terminal: Terminal, embedded_database: Database
) -> None:
    async with embedded_database.connection() as connection:
        made = await book(connection, 10**10)
        call = await made.spend(10**9)
        words = ("adjust", call.call.call_id, "--reason", "the invoice says so")
        said = await terminal.run(*words, "--cost-usd", "0.25")
        assert said.startswith("booked -0.750000000 USD as entry ")
        entry_id = said.split()[-1]
        events = await connection.fetch("SELECT entry_id::text, cost_nanos, customer_id FROM usage_events")
        assert [tuple(event) for event in events] == [(entry_id, -750_000_000, made.customer_id)]
        audited = await connection.fetchrow("SELECT actor, action, customer_id FROM audit_log")
        assert audited is not None
        assert tuple(audited) == ("command line", "ledger.adjust", made.customer_id)
    assert "was adjusted before" in await terminal.run(*words, "--cost-usd", "0.3")
    assert terminal.status == 1
    assert "booked 0.050000000 USD" in await terminal.run(*words, "--cost-usd", "0.3", "--again")


@pytest.mark.parametrize(
    ("cost", "reason", "says"),
    [
        ("much", "because", "not an amount of US dollars"),
        ("-1", "because", "zero or more"),
        ("0.0000000001", "because", "nine decimals"),
        ("1", "x", "3 to 500 characters"),
        ("1", "two\nlines", "3 to 500 characters"),
    ],
)
async def test_a_wrong_correction_is_one_line(terminal: Terminal, cost: str, reason: str, says: str) -> None:
    said = await terminal.run("adjust", "01234567-89ab-cdef-0123-456789abcdef", "--cost-usd", cost, "--reason", reason)
    assert says in said
    assert terminal.status != 0


# Journal ---------------------------------------------------------------------------------------------------


async def test_a_journal_is_printed_record_by_record(
    terminal: Terminal, embedded_database: Database, data_dir: Path
) -> None:
    made = await account(embedded_database, 10**9)
    async with working(embedded_database, data_dir) as worker:
        held, left = [await worker.keeper.hold(made.wish(nanos)) for nanos in (1_000, 2_000)]
        assert isinstance(held, Reserved)
        assert isinstance(left, Reserved)
        worker.keeper.settle(held.call.call_id, "exact", Nanos(400))
        slot = str(worker.slot.journal.parent)
        said = await terminal.run("journal", slot)
        assert "epoch 1: records 1 to" in said
        assert "1 calls open" in said
        assert f"       1  reserved  {held.call.call_id}  0.000001000 USD on {made.budget_id}/1  openai/gpt" in said
        assert f"resolved  {held.call.call_id}  exact  0.000000400 USD of 0.000001000 held" in said
        assert "reserved" not in await terminal.run("journal", slot, "--after", "2", "--epoch", "1")
        worker.keeper.settle(left.call.call_id, "void", Nanos(0))
    ended = await terminal.run("journal", f"{slot}/journal")
    assert "ended cleanly" in ended
    assert "stopped" in ended
    assert "no such journal" in await terminal.run("journal", slot, "--epoch", "7")
    assert terminal.status == 1


async def test_a_damaged_journal_is_printed_up_to_the_damage(
    terminal: Terminal, embedded_database: Database, data_dir: Path
) -> None:
    made = await account(embedded_database)
    async with working(embedded_database, data_dir) as worker:
        for _ in range(3):
            call = await worker.keeper.hold(made.wish(1_000))
            assert isinstance(call, Reserved)
            worker.keeper.settle(call.call.call_id, "exact", Nanos(400))
        folder = worker.slot.journal
    (file,) = [path for path in folder.iterdir() if path.suffix == ".journal"]
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :])
    said = await terminal.run("journal", str(folder))
    assert "DAMAGED" in said
    assert "(unlimited)" in said
    file.write_bytes(b"not a journal at all")
    said = await terminal.run("journal", str(folder))
    assert said == "epoch 1: records 0 to 0, 0 calls open; DAMAGED: what follows the last record was lost\n"


# Reconcile -------------------------------------------------------------------------------------------------


async def _switch_logs(stage: Stage, gateway_id: str, *, on: bool) -> None:
    url = f"{stage.emulator.url}/client/v4/accounts/{ACCOUNT}/ai-gateway/gateways/{gateway_id}"
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}) as client:
        settings = (await client.get(url)).json()["result"]
        kept = {name: settings[name] for name in ("authentication", "cache_ttl", "cache_invalidate_on_update")}
        limits = {"rate_limiting_interval": 0, "rate_limiting_limit": 0}
        answer = await client.put(url, json=kept | limits | {"collect_logs": on})
        assert answer.status_code == 200, answer.text


async def test_calls_are_compared_with_cloudflares_rows(
    terminal: Terminal, embedded_database: Database, embedded_url: str, data_dir: Path
) -> None:
    """Real calls through the house; Cloudflare's rows are asked for as on the real API."""
    today = datetime.now(UTC)
    window = ("--from", f"{today - timedelta(days=1):%Y-%m-%d}", "--to", f"{today + timedelta(days=2):%Y-%m-%d}")
    async with open_stage(embedded_database, embedded_url, data_dir) as stage:
        cloudflare = {
            "CF_ACCOUNT_ID": ACCOUNT,
            "CF_AI_GATEWAY_API_TOKEN": TOKEN,
            "CF_API_BASE": f"{stage.emulator.url}/client/v4",
        }
        made = await stage.key("5")
        async with embedded_database.connection() as connection:
            customer_id = await connection.fetchval("SELECT customer_id FROM ai_gateway_keys")

        async def reconcile() -> list[str]:
            return (await terminal.run("reconcile", "--customer", customer_id, *window, **cloudflare)).splitlines()

        await _switch_logs(stage, f"tollhouse-{customer_id}", on=True)
        async with stage.client(made.raw_key) as client:
            for _ in range(3):
                await client.chat.completions.create(
                    model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}]
                )
        await stage.booked(3)
        agreed = "3 agree, 0 calls have no row, 0 differences"
        assert await reconcile() == [f"3 calls of ours, 3 rows of Cloudflare's: {agreed}"]
        async with embedded_database.connection() as connection:
            one = await connection.fetchval("SELECT call_id FROM receipts LIMIT 1")
            await connection.execute("UPDATE receipts SET cost_nanos = cost_nanos + 2000 WHERE call_id = $1", one)
        summary, line = await reconcile()
        assert "2 agree, 0 calls have no row, 1 differences" in summary
        assert line.startswith("cost ")
        await _switch_logs(stage, f"tollhouse-{customer_id}", on=False)
        assert "collect_logs is off" in (await reconcile())[1]
        await httpx.AsyncClient().post(f"{stage.emulator.url}/_emulator/management", json={"logs": "absent"})
        assert "offers no logs" in (await reconcile())[1]


async def test_without_a_gateway_there_is_nothing_to_compare(terminal: Terminal) -> None:
    said = await terminal.run("reconcile", "--customer", "nobody", "--from", "2026-01-01", "--to", "2026-01-02")
    assert "no gateway of this customer" in said
    assert terminal.status == 1
