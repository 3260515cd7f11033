"""Invitations, password links, narrow tokens; keys that rotate and have limits of calls; customers that end."""

from tollhouse.db.migrations.sql import run_file

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_file("0007_people_and_keys.up.sql")


def downgrade() -> None:
    run_file("0007_people_and_keys.down.sql")
