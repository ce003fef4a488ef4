"""An index of what could not be done."""

from db.migrations.script import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_sql("0013_dead_letters.sql")
