"""Who somebody is at the identity provider."""

from tollhouse.db.migrations.sql import run_file

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_file("0008_single_sign_on.up.sql")


def downgrade() -> None:
    run_file("0008_single_sign_on.down.sql")
