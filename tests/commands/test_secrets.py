"""`tollhouse secrets rotate` and what the doctor says, as somebody at a terminal meets them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from commands.terminal import Terminal
from making import customer, user
from tollhouse.access import provider_keys
from tollhouse.access.provider_keys import PURPOSE
from tollhouse.db.pool import Database
from tollhouse.foundation import logs
from tollhouse.foundation.secrets import Secret
from tollhouse.master_keys import MasterKeys

FIRST, SECOND = "first-master-key".ljust(32, "1"), "second-master-key".ljust(32, "2")


@pytest.fixture
def terminal(embedded_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    with capture_logs():
        yield Terminal(embedded_url, data_dir)


async def _store(database: Database, keys: MasterKeys, *providers: str) -> str:
    async with database.connection() as connection:
        customer_id = await customer(connection)
        maker = await user(connection, customer_id)
        for provider in providers:
            envelope = keys.keyring().seal(Secret("sk-canary"), customer_id, provider)
            await provider_keys.put(connection, customer_id, provider, envelope, "nary", maker)
    return customer_id


async def test_the_sequence_with_keys_in_the_environment(
    terminal: Terminal, embedded_database: Database, data_dir: Path
) -> None:
    """As the help says it: both, rotate, then the new one alone."""
    await _store(embedded_database, MasterKeys(PURPOSE, data_dir, secret=Secret(FIRST)), "openai", "groq")
    assert "ok     secrets      2 provider keys, all" in await terminal.run("doctor", TOLLHOUSE_SECRET_KEY=FIRST)
    lost = await terminal.run("doctor", TOLLHOUSE_SECRET_KEY=SECOND)
    assert "WRONG  secrets      2 provider keys are sealed with master keys not known here" in lost
    assert terminal.status == 1
    both = {"TOLLHOUSE_SECRET_KEY": SECOND, "TOLLHOUSE_FORMER_SECRET_KEYS": FIRST}
    assert "2 provider keys are under a former master key" in await terminal.run("doctor", **both)
    said = [await terminal.run("secrets", "rotate", **both) for _ in range(2)]
    assert said[0] == "2 rewrapped, 0 already current, 0 cannot be opened\n"
    assert said[1] == "0 rewrapped, 2 already current, 0 cannot be opened\n"
    assert terminal.status == 0
    assert "all under the current" in await terminal.run("doctor", TOLLHOUSE_SECRET_KEY=SECOND)
    refused = await terminal.run("secrets", "rotate", "--new", TOLLHOUSE_SECRET_KEY=SECOND)
    assert "start every node with a new one" in refused
    assert terminal.status == 1
    assert not (data_dir / "secret.key").exists()
    for text in (lost, refused, *said):
        assert FIRST not in text
        assert SECOND not in text


async def test_a_key_file_gets_a_new_line_on_top(
    terminal: Terminal, embedded_database: Database, data_dir: Path
) -> None:
    assert "0 provider keys" in await terminal.run("doctor")
    assert not (data_dir / "secret.key").exists()
    data_dir.mkdir()
    await _store(embedded_database, MasterKeys(PURPOSE, data_dir), "openai")
    before = (data_dir / "secret.key").read_text()
    said = await terminal.run("secrets", "rotate", "--new")
    assert said.startswith(f"a new master key is at the top of {data_dir / 'secret.key'}\n1 rewrapped, 0 already")
    after = (data_dir / "secret.key").read_text()
    assert after.endswith(before)
    assert len(after.splitlines()) == 2
    assert not any(line in said for line in after.splitlines())
    (data_dir / "secret.key").write_text(after.splitlines()[0])
    assert "0 rewrapped, 1 already current" in await terminal.run("secrets", "rotate")
    (data_dir / "secret.key").write_text("short")
    assert "WRONG  secrets" in await terminal.run("doctor")


async def test_what_cannot_be_opened_is_named_and_the_status_is_1(
    terminal: Terminal, embedded_database: Database, data_dir: Path
) -> None:
    lost = MasterKeys(PURPOSE, data_dir, secret=Secret(FIRST))
    customer_id = await _store(embedded_database, lost, "openai")
    said = await terminal.run("secrets", "rotate", TOLLHOUSE_SECRET_KEY=SECOND)
    where = f"customer {customer_id}, provider openai, master key {lost.keyring().current_id}"
    assert said.startswith(f"cannot be opened: {where}\n0 rewrapped, 0 already current, 1 cannot be opened\n")
    assert terminal.status == 1
