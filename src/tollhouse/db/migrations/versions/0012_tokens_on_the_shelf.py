"""Whoever keeps in mind which keys there are hears of new API tokens, too."""

from tollhouse.db.migrations.sql import run_file

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_file("0012_tokens_on_the_shelf.up.sql")


def downgrade() -> None:
    run_file("0012_tokens_on_the_shelf.down.sql")
