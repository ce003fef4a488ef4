"""What the vendors have and we never got: until when it is fetched."""

from db.migrations.script import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_sql("0005_backfill.sql")
