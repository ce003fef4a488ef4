"""Which numbers were erased, and when."""

from db.migrations.script import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_sql("0011_erasure.sql")
