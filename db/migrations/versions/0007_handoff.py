"""Who looks after an escalated conversation, and what the agent missed."""

from db.migrations.script import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_sql("0007_handoff.sql")
