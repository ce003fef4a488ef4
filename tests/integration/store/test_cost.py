"""A write costs the same in a large database: no statement reads a growing table as a whole."""

from uuid import UUID, uuid4

import asyncpg

from db.pool import create_pool
from db.store.load import BEGINNING, due_actors, load, open_actors
from db.store.lookups import newest_messages, seen_events, sends_by_own_id, sends_by_sid
from db.store.ownership import claim
from db.store.publication import advance, unpublished
from db.store.session import SESSION
from schemas.rows import MessageTimes, SendChange
from schemas.settings import load_settings
from tests.support.person import AT, Person

_TURNS = 60
# Empty tables are read as a whole, as that is no worse; one read a turn would have been thousands of rows.
_READ_AS_A_WHOLE = """
SELECT relname, seq_tup_read FROM pg_stat_user_tables
WHERE relname LIKE 'conversation\\_%'\
 AND relname NOT IN ('conversation_partition', 'conversation_publication')
  AND seq_tup_read > $1 ORDER BY relname
"""
_INDEX_ROWS = """
SELECT indexrelname, idx_tup_read / greatest(idx_scan, 1) AS rows_a_scan FROM pg_stat_user_indexes
WHERE relname IN ('conversation_actor', 'conversation_state', 'conversation_sends', 'conversation_seen')
  AND idx_tup_read > 10 * greatest(idx_scan, 1) ORDER BY 1
"""


async def test_no_statement_reads_a_growing_table_as_a_whole(database_url: str) -> None:
    pool = await create_pool(load_settings({}, database_url=database_url, database_pool_size=2), SESSION)
    await claim(pool, {0}, "test")
    everybody = [Person(phone=f"+5730000000{n:02}", id=n) for n in range(1, _TURNS + 1)]
    for person in everybody:
        await person.append(pool, person.begins(), is_open=True, due_at=AT)
    for person in everybody:
        own_id, sid, message = str(uuid4()), f"SM{uuid4().hex}", person.id
        await load(pool, [person.phone])
        await seen_events(pool, [("message", sid)])
        await person.append(
            pool, person.changes(last_inbound_at=AT), person.seen(sid), person.message(message)
        )
        await person.append(pool, person.send(own_id))
        await person.append(
            pool, SendChange(own_id=own_id, columns={"sid": sid}), MessageTimes(id=message, read_at=AT)
        )
        await sends_by_own_id(pool, [UUID(own_id)])
        await sends_by_sid(pool, [sid])
        await newest_messages(pool, person.id, most=10)
        await unpublished(pool, 0, after=person.version, most=5)
        await advance(pool, {0: 1}, {0: person.version})
        await open_actors(pool, 0, "", 2)
        await due_actors(pool, 0, BEGINNING, 2)
    await pool.close()  # a connection's counts are complete when it has ended
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetch(_READ_AS_A_WHOLE, _TURNS) == []
        assert await connection.fetch(_INDEX_ROWS) == []
    finally:
        await connection.close()
