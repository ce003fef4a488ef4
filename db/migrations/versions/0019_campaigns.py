"""A campaign's calls are found by an index."""

from db.migrations.script import run_sql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_sql("0019_campaigns.sql")
