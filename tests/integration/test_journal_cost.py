"""A step costs the same in a large database: none of a turn's statements reads a growing table as a whole."""

import asyncpg

from db.pool import create_pool
from schemas.settings import load_settings
from tests.support.journal import Chat, chat_on

_TURNS = 40
_READ_AS_A_WHOLE = """
SELECT relname, seq_tup_read FROM pg_stat_user_tables
WHERE relname LIKE 'conversation\\_%' AND seq_tup_read > $1 ORDER BY relname
"""


async def _turn(chat: Chat) -> None:
    begun = await chat.write("hola")
    assert begun.turn is not None, begun
    turn = await chat.send(begun.turn, "respuesta")
    await chat.journal.history(turn, 40)
    await chat.report(turn.sends[0], "delivered", 4, delivered=True)
    await chat.report(turn.sends[0], "read", 5, read=True, own_id=None, sid=await chat.journal.sent_sid(turn.sends[0]))


async def test_no_step_reads_a_growing_table_as_a_whole(database_url: str) -> None:
    pool = await create_pool(load_settings({}, database_url=database_url))
    chat = await chat_on(pool)
    await chat.called()
    for _ in range(_TURNS):
        await _turn(chat)
    await pool.close()  # a connection's counts are complete when it has ended
    connection = await asyncpg.connect(database_url)
    try:
        # A look or two before the first rows are there costs nothing; one a turn would have read some hundred rows.
        assert await connection.fetch(_READ_AS_A_WHOLE, _TURNS) == []
    finally:
        await connection.close()
