"""Usage events on their way to Stripe's meter: turns, tries, dead letters."""

from tollhouse.db.migrations.sql import run_file

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_file("0011_usage_exports.up.sql")


def downgrade() -> None:
    run_file("0011_usage_exports.down.sql")
