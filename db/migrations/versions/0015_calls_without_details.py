"""How the back-fill finds calls of which something is missing."""

from db.migrations.script import run_sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_sql("0015_calls_without_details.sql")
