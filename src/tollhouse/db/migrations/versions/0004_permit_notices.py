"""Changes of what permits depend on are told to all processes."""

from tollhouse.db.migrations.sql import run_file

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_file("0004_permit_notices.up.sql")


def downgrade() -> None:
    run_file("0004_permit_notices.down.sql")
