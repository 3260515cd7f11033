"""A Tollhouse that is killed in the middle of a registration, and what is at Stripe afterwards."""

import asyncio
from pathlib import Path

import httpx
import pytest

import stripe_double
from making import connected
from stage import Served, emulated, environment, free_port
from waiting import until

REGISTRATION = {"name": "Acme", "email": "ann@example.com", "password": "correct horse battery"}


async def test_a_kill_leaves_no_account_behind_and_the_loop_makes_what_is_missing(
    embedded_url: str, data_dir: Path, tmp_path: Path
) -> None:
    async with (
        connected(embedded_url) as database,
        emulated() as emulator,
        stripe_double.running() as stripe,
        httpx.AsyncClient(timeout=60) as client,
    ):
        told = environment(emulator.url, embedded_url, data_dir, log_level="debug")
        told |= {"STRIPE_SECRET_KEY": stripe_double.SECRET, "STRIPE_API_BASE": stripe.url}
        served = Served(told, free_port(), tmp_path / "log")

        async def register() -> httpx.Response:
            return await client.post(f"{served.url}/v1/customers/register", json=REGISTRATION)

        async def execute(statement: str) -> None:
            async with database.connection() as connection:
                await connection.execute(statement)

        await served.start()
        hold = stripe.hold(after=True)
        interrupted = asyncio.create_task(register())
        await until(hold.reached.is_set)
        await served.kill()
        stripe.let_go(hold)
        with pytest.raises(httpx.HTTPError):
            await interrupted
        assert len(stripe.accounts) == 1

        await execute("UPDATE leftover_billing_accounts SET due_at = now()")
        await served.start()
        await until(lambda: not stripe.accounts)

        stripe.trouble("401")
        answer = await register()
        assert (answer.status_code, answer.json()["customer"]["stripe_customer_id"]) == (201, None)
        await execute("UPDATE customers SET stripe_tried_at = now() - interval '1 hour'")
        await until(lambda: bool(stripe.accounts))
        assert await served.stop() == 0
        async with database.connection() as connection:
            found = await connection.fetchval("SELECT stripe_customer_id FROM customers")
            shown = await connection.fetchval("SELECT c::text FROM customers c")
    assert list(stripe.accounts) == [found]
    for text in (answer.text, shown, served.log.read_text()):
        assert stripe_double.SECRET not in text
