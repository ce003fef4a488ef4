"""What the operators' pages need: who has which conversation open, and an index."""

from db.migrations.script import run_sql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_sql("0020_operators.sql")
