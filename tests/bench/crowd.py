"""Conversations by the hundred thousand, as rows: what the operators' pages have to find their way in.

They are written in bulk and not lived through, because a hundred thousand calls would take an hour; each has the rows that
the worker leaves of two turns: state, events, sends, messages. Their sequences lie below what is published.
"""

from pathlib import Path

import asyncpg

CONVERSATIONS = 100_000
_ROWS = Path(__file__).with_suffix(".sql")
_SECONDS = 600.0


async def have_crowd(dsn: str, count: int = CONVERSATIONS) -> None:
    """Have so many conversations beside those that are there; done once."""
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval("SELECT count(*) FROM conversation_state WHERE phone_number LIKE '+58%'"):
            return
        for statement in _ROWS.read_text().rstrip().rstrip(";").split(";\n"):
            arguments = [count] if "$1::int" in statement else []
            await connection.execute(statement, *arguments, timeout=_SECONDS)
        await connection.execute("VACUUM ANALYZE", timeout=_SECONDS)
    finally:
        await connection.close()
