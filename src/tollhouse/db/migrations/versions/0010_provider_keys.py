"""Customers' own keys for providers, sealed."""

from tollhouse.db.migrations.sql import run_file

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_file("0010_provider_keys.up.sql")


def downgrade() -> None:
    run_file("0010_provider_keys.down.sql")
