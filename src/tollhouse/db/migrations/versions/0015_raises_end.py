"""A raise ends with the limit that it was given to."""

from tollhouse.db.migrations.sql import run_file

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_file("0015_raises_end.up.sql")


def downgrade() -> None:
    run_file("0015_raises_end.down.sql")
