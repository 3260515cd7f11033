"""Notices arrive, also after the connection was lost; the schema sends them for everything a permit depends on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from making import customer, key, team, user
from tollhouse.access.lookup import NOTICES
from tollhouse.db import notices
from tollhouse.db.notices import Notices
from tollhouse.db.pool import Connection, Database
from waiting import until

CHANNEL = "test_channel"


class Ear:
    """What was heard, in order; `began` and `ceased` among it."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def hears(self, text: str) -> None:
        await until(lambda: text in self.heard)

    def hear(self, text: str) -> None:
        self.heard.append(text)
        if text == "nonsense":
            raise ValueError(text)

    @asynccontextmanager
    async def listening(self, url: str, channel: str = CHANNEL) -> AsyncIterator[None]:
        listener = Notices(
            url,
            {channel: self.hear},
            began=lambda: self.heard.append("began"),
            ceased=lambda: self.heard.append("ceased"),
        )
        task = asyncio.create_task(listener.run())
        try:
            await self.hears("began")
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
        assert self.heard[-1] == "ceased"


async def test_a_notice_arrives(database: Database, database_url: str) -> None:
    ear = Ear()
    async with ear.listening(database_url), database.connection() as connection:
        await connection.execute("SELECT pg_notify($1, 'nonsense'), pg_notify($1, 'hello')", CHANNEL)
        await ear.hears("hello")


async def test_a_lost_connection_is_made_again(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "_ALIVE_EVERY_S", 0.05)
    monkeypatch.setattr(notices, "_AGAIN_S", 0.01)
    ear = Ear()
    async with ear.listening(database_url), database.connection() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await ear.hears("ceased")
        await until(lambda: ear.heard.count("began") >= 2)
        await connection.execute("SELECT pg_notify($1, 'again')", CHANNEL)
        await ear.hears("again")


CHANGES = {
    "a key": "UPDATE ai_gateway_keys SET disabled = true",
    "a key's list": "UPDATE ai_gateway_keys SET allowed_models = '[\"a\"]'",
    "a key that goes": "DELETE FROM ai_gateway_keys",
    "its owner": "UPDATE users SET disabled = true",
    "its customer's gateway": "UPDATE customers SET cf_gateway_id = 'another'",
    "a budget that ends": "UPDATE ledger_budgets SET ended_at = now()",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_what_a_permit_depends_on_is_told(embedded_database: Database, embedded_url: str, change: str) -> None:
    async with embedded_database.connection() as connection:
        customer_id = await _customer_with_key(connection)
        ear = Ear()
        async with ear.listening(embedded_url, NOTICES):
            await connection.execute(change)
            await ear.hears(customer_id)


async def test_what_the_ledger_writes_on_a_key_is_not_told(embedded_database: Database, embedded_url: str) -> None:
    async with embedded_database.connection() as connection:
        customer_id = await _customer_with_key(connection)
        ear = Ear()
        async with ear.listening(embedded_url, NOTICES):
            await connection.execute("UPDATE ai_gateway_keys SET spend_usd = 1, last_used_at = now()")
            await connection.execute("SELECT pg_notify($1, 'end')", NOTICES)
            await ear.hears("end")
        assert customer_id not in ear.heard


async def _customer_with_key(connection: Connection) -> str:
    customer_id = await customer(connection)
    await key(connection, customer_id, "1.0000", user_id=await user(connection, customer_id))
    await key(connection, customer_id, team_id=await team(connection, customer_id))
    return customer_id
