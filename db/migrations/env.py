"""Alembic's entry point: runs on the connection that `db.migrate` hands over."""

from alembic import context

VERSION_TABLE = "whatsapp_microservice_version"
"""A name of our own: the database may be the main backend's, with migrations of its own."""


def run() -> None:
    context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
    with context.begin_transaction():
        context.run_migrations()


run()
