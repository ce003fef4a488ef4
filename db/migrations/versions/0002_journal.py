"""The journal of steps, the outbox and the spool; numbers stored earlier get their canonical form."""

import sqlalchemy as sa
from alembic import op

from db.migrations.script import run_sql
from schemas.errors import InvalidNumber
from schemas.phone import canonical_number

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_sql("0002_journal.sql")
    _make_canonical()


def _make_canonical() -> None:
    """Respell numbers that the backend stored before us; two rows of one person are left alone."""
    rows = op.get_bind().execute(sa.text("SELECT id, phone_number FROM conversation_state")).all()
    taken = {row.phone_number for row in rows}
    for row in rows:
        try:
            number = canonical_number(row.phone_number)
        except InvalidNumber:
            continue
        if number not in taken:
            taken.add(number)
            update = sa.text("UPDATE conversation_state SET phone_number = :number WHERE id = :id")
            op.get_bind().execute(update, {"number": number, "id": row.id})
