"""Alembic's entry point; `tollhouse.db.migrate` hands over the URL."""

from alembic import context
from sqlalchemy import create_engine, pool

# One migration at a time, whoever starts it: several nodes may come up together.
_MIGRATION_LOCK = 0x7011_40E5


def run_offline() -> None:
    context.configure(url=context.config.get_main_option("sqlalchemy.url"), literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, transactional_ddl=True)
        with context.begin_transaction():
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
