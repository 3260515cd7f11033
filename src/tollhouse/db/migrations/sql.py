"""Runs the SQL file of a revision through Alembic, online or as `--sql` output."""

from pathlib import Path
from typing import Final

from alembic import op

_VERSIONS: Final = Path(__file__).parent / "versions"


def run_file(name: str) -> None:
    """Execute one file of `versions/` as it stands; `:` and `%` mean nothing special in it."""
    statements = (_VERSIONS / name).read_text()
    if op.get_context().as_sql:
        op.get_context().impl.static_output(statements)
    else:
        op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)
