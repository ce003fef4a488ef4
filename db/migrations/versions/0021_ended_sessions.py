"""Operators' sessions that were signed out of, for all web processes to know."""

from db.migrations.script import run_sql

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run_sql("0021_ended_sessions.sql")
