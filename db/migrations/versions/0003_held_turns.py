"""Turns that wait long are held without holding up their partition."""

from db.migrations.script import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_sql("0003_held_turns.sql")
