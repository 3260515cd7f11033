"""Leases: workers hold money of a budget, and tell the book in batches what became of it."""

from tollhouse.db.migrations.sql import run_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_file("0002_leases.up.sql")


def downgrade() -> None:
    run_file("0002_leases.down.sql")
