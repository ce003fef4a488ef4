"""What readers look for in the store: what is open, turns as they ended, the calls of a day."""

from db.migrations.script import run_sql

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run_sql("0023_actor_readers.sql")
