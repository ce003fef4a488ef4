"""Replays that can be resumed, and the moment of a restore."""

from db.migrations.script import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_sql("0006_replay.sql")
