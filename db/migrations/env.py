"""Alembic's entry point: runs on the connection that `db.migrate` hands over."""

from alembic import context

from db.versions import VERSION_TABLE


def run() -> None:
    context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
    with context.begin_transaction():
        context.run_migrations()


run()
