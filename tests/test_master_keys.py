"""Where master keys come from: made once by whoever is first, read again when asked, never printed."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from stage import settings_from
from tollhouse import settings
from tollhouse.access.provider_keys import PURPOSE
from tollhouse.foundation.errors import StartupError
from tollhouse.foundation.sealing import Envelope, Keyring
from tollhouse.foundation.secrets import Secret
from tollhouse.master_keys import MasterKeys
from tollhouse.opening.control import master_keys_of

LONG, OTHER = "s" * 32, "t" * 40
SECRET = Secret("sk-tenant-0123456789")


def _opens(ring: Keyring, envelope: Envelope) -> bool:
    return ring.open(envelope, "c", "openai") == SECRET


def test_a_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    keys = MasterKeys("test", tmp_path)
    assert keys.look() is None
    assert not keys.file.exists()
    ring = keys.keyring()
    assert keys.keyring() is ring
    assert keys.file.stat().st_mode & 0o777 == 0o600
    again = MasterKeys("test", tmp_path)
    assert again.keyring().current_id == ring.current_id
    assert (found := again.look()) is not None
    assert _opens(found, ring.seal(SECRET, "c", "openai"))


def test_many_who_start_at_once_have_one_key(tmp_path: Path) -> None:
    start = Barrier(8)

    def first_id() -> str:
        start.wait()
        return MasterKeys("test", tmp_path).keyring().current_id

    with ThreadPoolExecutor(8) as pool:
        made = {one.result() for one in [pool.submit(first_id) for _ in range(8)]}
    assert len(made) == 1
    assert len((tmp_path / "secret.key").read_text().splitlines()) == 1


def test_a_crash_while_writing_leaves_what_was_there(tmp_path: Path) -> None:
    """A draft that was left behind is in nobody's way."""
    keys = MasterKeys("test", tmp_path)
    first = keys.keyring().current_id
    keys.file.with_name("secret.key.new").write_text("half a ke")
    assert keys.latest().current_id == first
    keys.renew()
    assert keys.latest().knows(first)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_a_new_key_comes_first_and_former_ones_still_open(tmp_path: Path) -> None:
    mine, elsewhere = MasterKeys("test", tmp_path), MasterKeys("test", tmp_path)
    before = mine.keyring()
    envelope = before.seal(SECRET, "c", "openai")
    elsewhere.renew()
    assert mine.keyring() is before
    after = mine.latest()
    assert mine.keyring() is after
    assert after.current_id != before.current_id
    assert after.knows(before.current_id)
    assert _opens(after, envelope)
    assert mine.file.stat().st_mode & 0o777 == 0o600


def test_given_keys_count_and_the_file_does_not(tmp_path: Path) -> None:
    envelope = MasterKeys("test", tmp_path, secret=Secret(LONG)).keyring().seal(SECRET, "c", "openai")
    moved = MasterKeys("test", tmp_path, secret=Secret(OTHER), former=[Secret(LONG)])
    assert _opens(moved.keyring(), envelope)
    assert not moved.file.exists()
    with pytest.raises(StartupError, match="TOLLHOUSE_FORMER_SECRET_KEYS") as refused:
        moved.renew()
    assert OTHER not in str(refused.value)


def test_former_keys_open_beside_a_file_too(tmp_path: Path) -> None:
    envelope = MasterKeys("test", tmp_path, secret=Secret(LONG)).keyring().seal(SECRET, "c", "openai")
    moved = MasterKeys("test", tmp_path, former=[Secret(LONG)])
    assert moved.look() is None
    assert _opens(moved.keyring(), envelope)
    assert moved.keyring().current_id != envelope.master_key_id


@pytest.mark.parametrize("text", ["", "\n\n", "short\n", f"{LONG}\nshort\n", "\udcff" * 40])
def test_a_file_that_holds_no_keys_is_said_to_be_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "secret.key").write_text(text, errors="surrogateescape")
    for ask in (MasterKeys("test", tmp_path).keyring, MasterKeys("test", tmp_path).renew):
        with pytest.raises(StartupError, match=r"secret\.key"):
            ask()
    assert (tmp_path / "secret.key").read_text(errors="surrogateescape") == text


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="cannot write") as refused:
        MasterKeys("test", tmp_path / "nowhere").keyring()
    assert "\n" not in str(refused.value)
    (tmp_path / "secret.key.new").mkdir()
    with pytest.raises(StartupError, match="cannot write"):
        MasterKeys("test", tmp_path).keyring()


# Settings --------------------------------------------------------------------------------------------------


def test_the_environment_names_the_current_key_and_former_ones(tmp_path: Path) -> None:
    told = {"TOLLHOUSE_DATA_DIR": str(tmp_path), "TOLLHOUSE_SECRET_KEY": LONG}
    envelope = master_keys_of(settings_from(told)).keyring().seal(SECRET, "c", "openai")
    told |= {"TOLLHOUSE_SECRET_KEY": OTHER, "TOLLHOUSE_FORMER_SECRET_KEYS": f"{'u' * 32}, {LONG}"}
    read = settings_from(told)
    assert _opens(master_keys_of(read).keyring(), envelope)
    assert envelope.master_key_id == Keyring(PURPOSE, [Secret(LONG)]).current_id
    assert settings.environment_of(read)["TOLLHOUSE_FORMER_SECRET_KEYS"] == f"{'u' * 32}, {LONG}"
    shown = str(settings.describe(read))
    assert LONG not in shown
    assert OTHER not in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOLLHOUSE_SECRET_KEY", "short"),
        ("TOLLHOUSE_SECRET_KEY", f"{LONG},{LONG}"),
        ("TOLLHOUSE_SECRET_KEY", "a b" * 20),
        ("TOLLHOUSE_SECRET_KEY", "ä" * 40),
        ("TOLLHOUSE_FORMER_SECRET_KEYS", f"{LONG},short"),
        ("TOLLHOUSE_FORMER_SECRET_KEYS", f"{LONG},,{LONG}"),
    ],
)
def test_keys_that_are_none_stop_the_start_and_are_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartupError, match=f"{name} is not usable") as refused:
        settings.load()
    assert value not in str(refused.value)
