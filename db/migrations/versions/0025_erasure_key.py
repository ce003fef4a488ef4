"""The digests of erased numbers get a key, and dead letters the numbers that they tell of."""

from alembic import op

from db.migrations.script import run_sql
from schemas.phone import keyed

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    run_sql("0025_erasure_key.sql")
    bind = op.get_bind()
    key = bind.exec_driver_sql("SELECT key FROM conversation_erasure_key").scalar_one()
    for (plain,) in bind.exec_driver_sql("SELECT number_digest FROM conversation_erasure").fetchall():
        bind.exec_driver_sql(
            "UPDATE conversation_erasure SET number_digest = $1 WHERE number_digest = $2",
            (keyed(key, plain), plain),
        )
