"""Limits of users, teams, customers and keys as sets of windows; what became of crossed thresholds; webhooks."""

from tollhouse.db.migrations.sql import run_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_file("0005_limits.up.sql")


def downgrade() -> None:
    run_file("0005_limits.down.sql")
