"""A hundred thousand conversations, as rows, for the operators' pages to find their way in.

They are written in bulk, because a hundred thousand calls would take an hour to play. Each has the rows that
the worker leaves after two turns: state, events, sends, messages. Their sequences are below those published.
"""

from pathlib import Path

import asyncpg

CONVERSATIONS = 100_000
_ROWS = Path(__file__).with_suffix(".sql")
_SECONDS = 600.0


async def have_crowd(dsn: str, count: int = CONVERSATIONS) -> None:
    """Have this many conversations in addition to those there are. Does nothing the second time."""
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval(
            "SELECT count(*) FROM conversation_state WHERE phone_number LIKE '+58%'"
        ):
            return
        for statement in _ROWS.read_text().rstrip().rstrip(";").split(";\n"):
            arguments = [count] if "$1::int" in statement else []
            await connection.execute(statement, *arguments, timeout=_SECONDS)
        await connection.execute("VACUUM ANALYZE", timeout=_SECONDS)
    finally:
        await connection.close()
