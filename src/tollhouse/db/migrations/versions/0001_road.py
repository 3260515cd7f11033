"""The first schema."""

from tollhouse.db.migrations.sql import run_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_file("0001_road.up.sql")


def downgrade() -> None:
    run_file("0001_road.down.sql")
