"""What people do to the book, and what proves that nobody else did: adjustments, released doubt, daily seals."""

from tollhouse.db.migrations.sql import run_file

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_file("0006_ledger_admin.up.sql")


def downgrade() -> None:
    run_file("0006_ledger_admin.down.sql")
