"""Where customers have the spans of their calls sent, and what waits for that."""

from tollhouse.db.migrations.sql import run_file

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_file("0014_trace_exports.up.sql")


def downgrade() -> None:
    run_file("0014_trace_exports.down.sql")
