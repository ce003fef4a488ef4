"""The store of actors: their log, state, sends, the ids they have seen, and who owns their partitions."""

from db.migrations.script import run_sql

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run_sql("0022_store.sql")
