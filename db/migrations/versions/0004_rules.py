"""The rules of WhatsApp: opt-outs, the 24-hour window, hand-offs, late summaries, paced campaigns."""

from db.migrations.script import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_sql("0004_rules.sql")
