"""${message}"""

from tollhouse.db.migrations.sql import run_file

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    run_file("${up_revision}_${slug}.up.sql")


def downgrade() -> None:
    run_file("${up_revision}_${slug}.down.sql")
