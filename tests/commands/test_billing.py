"""`tollhouse billing`: what an operator does about usage that did not get to Stripe."""

from pathlib import Path

import pytest

from commands.terminal import Terminal
from making import customer
from tollhouse.db.pool import Database
from tollhouse.foundation.ids import new_call_id


@pytest.fixture
def terminal(embedded_url: str, data_dir: Path) -> Terminal:
    return Terminal(embedded_url, data_dir, "billing")


async def _dead(database: Database, kind: str, cost: int = 1_500_000_000) -> tuple[str, str]:
    entry = str(new_call_id())
    async with database.connection() as connection:
        who = await customer(connection)
        await connection.execute(
            "INSERT INTO usage_events (entry_id, customer_id, cost_nanos, occurred_at, dead_at, dead_kind, last_error, "
            "first_tried_at) VALUES ($1, $2, $3, now(), now(), $4::text, 'because', "
            "CASE WHEN $4 = 'uncertain' THEN now() END)",
            entry, who, cost, kind,
        )  # fmt: skip
    return entry, who


async def test_letters_of_all_customers_are_listed_sent_again_and_closed(
    terminal: Terminal, embedded_database: Database
) -> None:
    assert "there are no dead letters" in await terminal.run("dead-letters")
    refused, _ = await _dead(embedded_database, "refused", -1)
    uncertain, who = await _dead(embedded_database, "uncertain")
    first, second = (await terminal.run("dead-letters")).splitlines()
    assert first.startswith(f"{uncertain}  uncertain  {who}  ")
    assert "1.500000000 USD  maybe sent 20" in first
    assert second.endswith("-0.000000001 USD  because")

    assert f"{refused} waits" in await terminal.run("retry", refused)
    assert "may have counted this" in await terminal.run("retry", uncertain)
    assert terminal.status == 1
    said = await terminal.run("close", uncertain, "--reason", "found at Stripe")
    assert "is closed; it was uncertain, 1.500000000 USD" in said
    assert "there are no dead letters" in await terminal.run("dead-letters")
    async with embedded_database.connection() as connection:
        lines = await connection.fetch("SELECT actor, action, subject, after::text AS after FROM audit_log ORDER BY id")
        rows = await connection.fetch("SELECT entry_id::text AS entry, sent_at IS NOT NULL AS sent FROM usage_events")
    assert [tuple(line)[:3] for line in lines] == [
        ("command line", "usage_event.retry", refused),
        ("command line", "usage_event.close", uncertain),
    ]
    assert "found at Stripe" in lines[1]["after"]
    assert {row["entry"]: row["sent"] for row in rows} == {refused: False, uncertain: True}


@pytest.mark.parametrize("entry", ["x", "00000000-0000-7000-8000-000000000000"])
async def test_what_is_not_there_is_one_line(terminal: Terminal, entry: str) -> None:
    for words in (("retry", entry), ("close", entry, "--reason", "because")):
        assert "there is no such dead letter" in await terminal.run(*words)
        assert terminal.status == 1
    assert "3 to 500 characters" in await terminal.run("close", entry, "--reason", "x")


async def test_an_uncertain_one_is_sent_again_by_a_word_of_its_own(
    terminal: Terminal, embedded_database: Database
) -> None:
    entry, _ = await _dead(embedded_database, "uncertain")
    assert "waits to be sent" in await terminal.run("retry", entry, "--may-count-twice")
