"""Customers' accounts at Stripe: how their making stands, and what is left over there."""

from tollhouse.db.migrations.sql import run_file

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_file("0009_stripe_customers.up.sql")


def downgrade() -> None:
    run_file("0009_stripe_customers.down.sql")
