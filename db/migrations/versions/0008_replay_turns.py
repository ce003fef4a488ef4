"""Turns that a replay has done once more."""

from db.migrations.script import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_sql("0008_replay_turns.sql")
