"""Replayed events that wait behind a number which is held back."""

from db.migrations.script import run_sql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_sql("0016_replay_waiting.sql")
