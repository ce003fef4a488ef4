"""What the statistics are checked against, and made again from."""

from db.migrations.script import run_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_sql("0014_history.sql")
