"""The embedded server: found again, shared, stopped by the last one out, and never started on a half-made directory."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tollhouse.db.embedded import EmbeddedPostgres
from tollhouse.foundation.errors import StartupError


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tollhouse-pg-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_data_is_there_after_a_restart_and_the_server_is_not_in_between(place: Path) -> None:
    first = EmbeddedPostgres(place)
    url = first.url
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (x int)")
    first.stop()
    assert not _answers(url)
    with (place / "postgres" / "postgresql.conf").open("a") as own:
        own.write("checkpoint_timeout = 7min\n")
    second = EmbeddedPostgres(place)
    with psycopg.connect(second.url) as connection:
        connection.execute("SELECT * FROM kept")
        assert connection.execute("SHOW max_wal_size").fetchone() == ("4GB",)  # ours
        assert connection.execute("SHOW checkpoint_timeout").fetchone() == ("7min",)  # one's own stands above it
    second.stop()
    assert (place / "postgres" / "postgresql.conf").read_text().count("tollhouse.conf") == 1


def test_the_last_one_out_stops_the_server(place: Path) -> None:
    first, second = EmbeddedPostgres(place), EmbeddedPostgres(place)
    first.stop()
    assert _answers(second.url)
    url = second.url
    second.stop()
    assert not _answers(url)


def test_a_half_made_directory_is_one_clear_line(place: Path) -> None:
    (place / "postgres").mkdir()
    (place / "postgres" / "PG_VERSION").write_text("18\n")
    with pytest.raises(StartupError, match="half-made"):
        EmbeddedPostgres(place)


def test_a_directory_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="cannot write"):
        EmbeddedPostgres(tmp_path / "missing")


def test_a_broken_database_names_its_log(place: Path) -> None:
    server = EmbeddedPostgres(place)
    server.stop()
    (place / "postgres" / "global" / "pg_control").unlink()
    with pytest.raises(StartupError, match="did not start"):
        EmbeddedPostgres(place)
