"""Commands as somebody at a terminal gives them, in this process: starting one takes seconds."""

import asyncio
from pathlib import Path

from click.testing import CliRunner

from tollhouse import cli
from tollhouse.foundation.errors import StartupError, TollhouseError


class Terminal:
    """`run` says what the command said, errors too; `status` is how the last one ended.

    `test_cli.py` shows that real ones start. `first`: the words that every command begins with.
    """

    def __init__(self, database_url: str, data_dir: Path, *first: str) -> None:
        self._told = {"DATABASE_URL": database_url, "TOLLHOUSE_DATA_DIR": str(data_dir), "TOLLHOUSE_PORT": "1"}
        self._first = first
        self.status = 0

    async def run(self, *words: str, **told: str) -> str:
        said = [*self._first, *words]
        done = await asyncio.to_thread(CliRunner().invoke, cli.commands, said, env=self._told | told)
        self.status = done.exit_code
        if isinstance(done.exception, StartupError | TollhouseError):
            return f"{done.output}tollhouse: {done.exception}"
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.output
