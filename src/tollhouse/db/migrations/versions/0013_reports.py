"""Reports: who wrote a span, rollups of calls, tool profiles."""

from tollhouse.db.migrations.sql import run_file

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_file("0013_reports.up.sql")


def downgrade() -> None:
    run_file("0013_reports.down.sql")
