"""Operators' commands go through the journal."""

from db.migrations.script import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_sql("0010_commands.sql")
