"""Holds are gone: what the first form of the ledger left open is charged, its table and functions dropped."""

from tollhouse.db.migrations.sql import run_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_file("0003_holds_are_gone.up.sql")


def downgrade() -> None:
    run_file("0003_holds_are_gone.down.sql")
