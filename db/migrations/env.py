"""Alembic's entry point: runs on the connection that `db.migrate` hands over."""

from alembic import context


def run() -> None:
    given = context.config.attributes
    context.configure(connection=given["connection"], version_table=given["version_table"])
    with context.begin_transaction():
        context.run_migrations()


run()
