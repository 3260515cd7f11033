"""The commands as somebody at a terminal meets them: real processes, one clear line for what is wrong."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import psycopg
import pytest

import stripe_double
from control.people.provider import CLIENT_ID, CLIENT_SECRET, scripted
from making import create_database
from stage import ACCOUNT, TOKEN, emulated
from tollhouse import __version__, cli
from tollhouse.db import migrate
from tollhouse.foundation.clock import SystemClock

OURS = ("CF_", "STRIPE_", "TOLLHOUSE_", "DATABASE_")
BARE = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


@pytest.fixture
def told(embedded_url: str, data_dir: Path) -> dict[str, str]:
    return {"DATABASE_URL": embedded_url, "TOLLHOUSE_DATA_DIR": str(data_dir), "TOLLHOUSE_PORT": "1"}


@pytest.fixture
def customer_id(embedded_url: str) -> str:
    with psycopg.connect(embedded_url) as connection:
        connection.execute("INSERT INTO customers (id, name, email) VALUES ('c1', 'Acme', 'acme@example.com')")
    return "c1"


def run(told: dict[str, str], *words: str, fails: bool = False) -> str:
    """What the command says; errors included when it is to fail."""
    done = subprocess.run(
        [sys.executable, "-m", "tollhouse", *words], env=BARE | told, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if fails else done.stdout


def test_version_and_help() -> None:
    assert __version__ in run({}, "--version")
    assert "serve" in run({}, "--help")
    assert "No such command" in run({}, "fly", fails=True)


def test_every_command_can_be_loaded_and_says_what_the_list_says() -> None:
    context = click.Context(cli.commands)
    for name, entry in cli._COMMANDS.items():
        command = cli.commands.get_command(context, name)
        assert command is not None
        assert command.hidden is not bool(entry.summary)
        assert (command.help or "").split()[0] == (entry.summary or "One of").split()[0]
    assert cli.commands.get_command(context, "fly") is None


def test_the_description_of_the_api_is_printed_or_written(tmp_path: Path) -> None:
    told = run({}, "openapi")
    run({}, "openapi", "--out", str(tmp_path / "api.json"))
    assert json.loads(told)["info"]["title"] == "Tollhouse"
    assert (tmp_path / "api.json").read_text() == told


def test_config_shows_every_setting_and_no_secret(told: dict[str, str]) -> None:
    secret = "postgresql://me:hunter2@db.example/tollhouse"
    said = run(told | {"DATABASE_URL": secret, "CF_AI_GATEWAY_API_TOKEN": "cf-secret"}, "config")
    assert re.search(r"^TOLLHOUSE_PORT +1$", said, re.MULTILINE)
    assert "postgresql://me:***@db.example/tollhouse" in said
    assert "hunter2" not in said
    assert "cf-secret" not in said


def test_keys_from_creation_to_disabling(told: dict[str, str], customer_id: str, embedded_url: str) -> None:
    words = ("--customer", customer_id, "--name", "by hand", "--budget-usd", "2.5", "--reset", "daily")
    raw = run(told, "keys", "create", *words, "--model", "gpt-4o-mini").strip()
    assert re.fullmatch(r"aig_[0-9a-f]{32}", raw)
    listed = run(told, "keys", "list", "--customer", customer_id)
    key_hash, rest = listed.split(maxsplit=1)
    assert rest.split(maxsplit=1)[0] == "active"
    assert "0.0000 of 2.5000 USD  by hand" in listed
    assert run(told, "keys", "disable", "--customer", customer_id, key_hash).strip() == "disabled"
    assert "disabled" in run(told, "keys", "list", "--customer", customer_id)
    with psycopg.connect(embedded_url) as connection:
        actions = connection.execute("SELECT actor, action FROM audit_log ORDER BY id").fetchall()
    assert actions == [("command line", "key.create"), ("command line", "key.update")]


def test_mistakes_at_the_terminal_are_one_line(told: dict[str, str], customer_id: str) -> None:
    assert "does not exist" in run(told, "keys", "create", "--customer", "nobody", "--name", "x", fails=True)
    create = ("keys", "create", "--customer", customer_id, "--name", "x")
    assert "not an amount" in run(told, *create, "--budget-usd", "much", fails=True)
    for amount in ("1000000", "-1"):
        assert "between 0 and 999999.9999" in run(told, *create, "--budget-usd", amount, fails=True)
    assert "no such key" in run(told, "keys", "disable", "--customer", customer_id, "0" * 64, fails=True)
    assert "not configured" in run(told, "gateways", "provision", fails=True)


def test_migrate_and_its_sql(embedded_server: str, data_dir: Path) -> None:
    empty = create_database(embedded_server, "template0")
    told = {"DATABASE_URL": empty, "TOLLHOUSE_DATA_DIR": str(data_dir)}
    assert "at revision none" in run(told, "doctor")
    assert migrate.head() in run(told, "migrate")
    assert "CREATE TABLE customers" in run(told, "migrate", "--sql")


def test_doctor_says_what_is_right_and_what_is_wrong(told: dict[str, str], embedded_url: str, customer_id: str) -> None:
    well = run(told, "doctor")
    assert "the books are right" in well
    assert "nobody has spans sent to tools of their own" in well
    assert "off: /metrics needs TOLLHOUSE_METRICS_TOKEN" in well
    assert "WRONG" not in well
    with psycopg.connect(embedded_url) as connection:
        connection.execute(
            "SELECT ledger_set_budget('c', 'key', 'k', 5, NULL);UPDATE ledger_accounts SET leased_nanos = 9"
        )
        connection.execute(
            "INSERT INTO trace_exporters (id, customer_id, name, url, encoding, compression, enabled, include_content,"
            " header_names, sealed, wrapped, master_key_id, failures, refused_spans)"
            " VALUES ('e', %s, 'x', 'https://x', 'json', 'none', true, false, '{a}', '', '', 'unknown', 3, 7)",
            (customer_id,),
        )
    ill = _said_with_status_1(told | {"TOLLHOUSE_METRICS_TOKEN": "0123456789abcdef"})
    assert "WRONG  ledger" in ill
    assert "1 on, 1 of them failing; 0 spans wait, 7 were refused, 0 given up" in ill
    assert "1 exporters' headers are sealed with master keys not known here (unknown)" in ill
    assert "once the server runs" in ill
    away = told | {"DATABASE_URL": "postgresql://127.0.0.1:9/x"}
    assert "WRONG  database" in _said_with_status_1(away)


def test_the_doctor_says_who_may_send_spans(told: dict[str, str]) -> None:
    assert "taken with OPENROUTER_BROADCAST_SECRET" in run(told | {"OPENROUTER_BROADCAST_SECRET": "x" * 32}, "doctor")
    short = told | {"TRACE_INGEST_SECRET": "guess me"}
    process = subprocess.run(
        [sys.executable, "-m", "tollhouse", "doctor"], env=BARE | short, capture_output=True, text=True, timeout=60
    )
    assert "TRACE_INGEST_SECRET is short" in process.stdout
    assert "guess me" not in process.stdout


async def test_the_doctor_looks_at_the_identity_provider(told: dict[str, str]) -> None:
    async with scripted(SystemClock()) as provider:
        assert "with passwords only" in await asyncio.to_thread(run, told, "doctor")
        part = told | {"TOLLHOUSE_OIDC_ISSUER": provider.issuer}
        assert "WRONG  sign-in      single sign-on needs" in await asyncio.to_thread(_said_with_status_1, part)
        whole = part | {"TOLLHOUSE_OIDC_CLIENT_ID": CLIENT_ID, "TOLLHOUSE_OIDC_CLIENT_SECRET": CLIENT_SECRET}
        assert f"at {provider.issuer}, which can be reached" in await asyncio.to_thread(run, whole, "doctor")
        provider.changes = {"issuer": "https://another.example"}
        assert "it is another issuer" in await asyncio.to_thread(_said_with_status_1, whole)
        shown = await asyncio.to_thread(run, whole, "config")
    assert re.search(rf"^TOLLHOUSE_OIDC_ISSUER +{provider.issuer}/$", shown, re.MULTILINE)
    assert CLIENT_SECRET not in shown


def _said_with_status_1(told: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tollhouse", "doctor"], env=BARE | told, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    return done.stdout


async def test_gateways_are_provisioned_and_the_doctor_sees_cloudflare(
    told: dict[str, str], customer_id: str, embedded_url: str, tmp_path: Path
) -> None:
    pool = tmp_path / "accounts.json"
    pool.write_text(json.dumps([{"id": ACCOUNT, "token": TOKEN}]))

    with psycopg.connect(embedded_url) as connection:
        connection.execute("UPDATE customers SET gateway_state = 'pending'")
    async with emulated() as emulator:
        there = told | {"CF_API_BASE": f"{emulator.url}/client/v4"}
        of_file = there | {"TOLLHOUSE_CF_ACCOUNTS_FILE": str(pool)}
        with_cloudflare = there | {"CF_ACCOUNT_ID": ACCOUNT, "CF_AI_GATEWAY_API_TOKEN": TOKEN}
        assert "1 gateways made" in await asyncio.to_thread(run, of_file, "gateways", "provision")
        assert "token is accepted" in await asyncio.to_thread(run, with_cloudflare, "doctor")
        wrong = with_cloudflare | {"CF_AI_GATEWAY_API_TOKEN": "another-token-0123456789"}
        assert "WRONG  cloudflare" in await asyncio.to_thread(_said_with_status_1, wrong)
        assert "stands twice" in await asyncio.to_thread(_said_with_status_1, with_cloudflare | of_file)
    with psycopg.connect(embedded_url) as connection:
        row = connection.execute("SELECT gateway_state, cf_gateway_id FROM customers").fetchone()
    assert row == ("ready", f"tollhouse-{customer_id}")


async def test_the_doctor_sees_stripe_and_its_key_is_shown_nowhere(told: dict[str, str]) -> None:
    import asyncio

    assert "nothing is billed" in await asyncio.to_thread(run, told, "doctor")
    async with stripe_double.running() as stripe:
        billed = told | {"STRIPE_SECRET_KEY": stripe_double.SECRET, "STRIPE_API_BASE": stripe.url}
        assert "the key is accepted" in await asyncio.to_thread(run, billed, "doctor")
        shown = await asyncio.to_thread(run, billed | {"STRIPE_WEBHOOK_SECRET": "whsec_51secret"}, "config")
        assert re.search(r"^STRIPE_WEBHOOK_SECRET +\*\*\*$", shown, re.MULTILINE)
        assert re.search(r"^STRIPE_SECRET_KEY +\*\*\*$", shown, re.MULTILINE)
        assert re.search(rf"^STRIPE_API_BASE +{stripe.url}/?$", shown, re.MULTILINE)
        wrong = billed | {"STRIPE_SECRET_KEY": "sk_test_51wrong0123456789"}
        said = await asyncio.to_thread(_said_with_status_1, wrong)
        await stripe.down()
        away = await asyncio.to_thread(_said_with_status_1, billed)
    assert re.search(r"^WRONG  stripe .*Invalid API Key.*check STRIPE_SECRET_KEY", said, re.MULTILINE)
    assert re.search(r"^WRONG  stripe .*communicating.*STRIPE_API_BASE", away, re.MULTILINE)
    assert not [key for key in (stripe_double.SECRET, "51wrong", "51secret") if key in shown + said + away]


async def test_the_doctor_sees_the_meter_and_what_did_not_get_there(told: dict[str, str], embedded_url: str) -> None:
    async with stripe_double.running() as stripe:
        billed = told | {"STRIPE_SECRET_KEY": stripe_double.SECRET, "STRIPE_API_BASE": stripe.url}
        well = await asyncio.to_thread(run, billed, "doctor")
        assert "`tollhouse_usage` is there and counts what we send; its errors are not heard" in well
        assert "no dead letters; no event waits" in well
        other = billed | {"TOLLHOUSE_STRIPE_METER": "calls", "STRIPE_WEBHOOK_SECRET": "whsec_x"}
        assert "no active meter `calls`" in await asyncio.to_thread(_said_with_status_1, other)
        stripe.metering.make_meter("calls", formula="count")
        assert "must be `sum`" in await asyncio.to_thread(_said_with_status_1, other)
        with psycopg.connect(embedded_url) as connection:
            connection.execute(
                "INSERT INTO usage_events (entry_id, customer_id, cost_nanos, occurred_at, dead_at, dead_kind) VALUES "
                "(gen_random_uuid(), 'x', 1, '2026-11-20', now(), 'refused'), "
                "(gen_random_uuid(), 'x', 1, '2026-11-22 08:30+00', NULL, NULL)"
            )
        assert "1 dead letters" in (said := await asyncio.to_thread(_said_with_status_1, billed))
        assert "the oldest event that waits is of 2026-11-22 08:30 UTC" in said


@pytest.mark.parametrize("name", ["TOLLHOUSE_PRICE_OVERRIDES", "TOLLHOUSE_CF_ACCOUNTS_FILE"])
def test_a_bad_file_is_one_line(told: dict[str, str], tmp_path: Path, name: str) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"models": [{"provider": "openai"}]}')
    said = run(told | {name: str(bad)}, "keys", "list", "--customer", "x", fails=True)
    assert str(bad) in said
    assert len(said.strip().splitlines()) == 1


def test_keys_come_over_from_openrouter_once(told: dict[str, str], customer_id: str, tmp_path: Path) -> None:
    dump, out = tmp_path / "dump.json", tmp_path / "keys.csv"
    dump.write_text(json.dumps({"data": [{"hash": "h1", "name": "laptop", "limit": 5, "limit_reset": "daily"}]}))
    words = ("import", "openrouter", "--customer", customer_id, "--file", str(dump))
    assert "--out" in run(told, *words, fails=True)
    assert "imported  laptop  (5.0000 USD, resets daily)" in run(told, *words, "--dry-run")
    run(told, *words, "--out", str(out))
    assert out.stat().st_mode & 0o777 == 0o600
    assert re.search(r"^laptop,h1,aig_[0-9a-f]{32}\s*$", out.read_text(), re.MULTILINE)
    again = run(told, *words, "--out", str(tmp_path / "more.csv"))
    assert "was imported before" in again
    assert "laptop" in run(told, "keys", "list", "--customer", customer_id)
    assert "one of --file, --table, --api" in run(told, *words, "--api", "--dry-run", fails=True)
    assert "no table" in run(
        told, "import", "openrouter", "--customer", customer_id, "--table", "--dry-run", fails=True
    )
