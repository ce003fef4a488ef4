"""Delivery reports of messages that are not known yet."""

from db.migrations.script import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_sql("0009_early_reports.sql")
