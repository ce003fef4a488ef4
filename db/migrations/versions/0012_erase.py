"""Erasing a number finds all of it."""

from db.migrations.script import run_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_sql("0012_erase.sql")
