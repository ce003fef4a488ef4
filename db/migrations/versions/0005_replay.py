"""Replays that can be resumed, and the moment of a restore."""

from db.migrations.script import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_sql("0005_replay.sql")
