"""Messages that are sent once more because their number had too many."""

from db.migrations.script import run_sql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_sql("0017_slow_numbers.sql")
