"""Where tables are rebuilt from the log: the service's own, an empty database, or temporary ones beside them.

Rows are written by the statement that writes every conversation, under the rebuild's own epochs, so that no
worker writes meanwhile.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from db.comparison import Difference, compare
from db.pool import Pool, behind_pooler, create_pool
from db.queries import load
from db.store.append import append
from db.store.erasures import Erasures, erasure_key
from db.store.lookups import sends_by_own_id
from db.store.ownership import claim, release
from db.store.personal_data import ERASED, KEPT
from db.store.publication import advance, unpublished
from db.store.rows import StoredEvent
from db.store.session import SESSION
from db.store.write import Conflict, Failed, Fenced, Result, Write
from schemas.errors import Unavailable
from schemas.rows import SeenRow
from schemas.settings import load_settings

_sql = load("rebuild")
_erasures = load("erasures")

_OWNER = "rebuild"
# Ids that a lost database handed out but whose events never left it: at most as many as each worker had
# conversations in flight.
_LOST_IDS = 10_000
# Conversations per statement, each with all that a batch of the log has of it.
_AT_ONCE = 200
_PAGE = 5_000
# What the store's statement may touch.
_KEY = "conversation_erasure_key"
_TABLES = (*ERASED, *KEPT, "conversation_removal", "conversation_partition", "conversation_publication")


@asynccontextmanager
async def tables(dsn: str, *, beside: bool) -> AsyncIterator["Target"]:
    """Open the tables of a database. `beside`: empty temporary ones instead, which end with the connection.

    Raises:
        Unavailable: temporary tables are wanted behind a transaction pooler, where each statement
            may get another session.
        OSError, asyncpg.PostgresError, ValueError: the database does not answer, or refuses.
    """
    if beside and await behind_pooler(dsn):
        raise Unavailable(
            "tables beside the present ones need a session; give a DATABASE_URL past the transaction pooler"
        )
    settings = load_settings({}, database_url=dsn)
    own = await create_pool(settings, SESSION, 1)
    try:
        schema = await own.fetchval(_sql.schema_of)
        if not beside:
            yield Target(own, schema)
            return
        # A connection that lacks its temporary tables finds none, rather than those beside.
        shadow = await create_pool(settings, {**SESSION, "search_path": "pg_temp"}, 1)
        try:
            for name in _TABLES:
                await shadow.execute(
                    f"CREATE TEMP TABLE {name} (LIKE {schema}.{name} INCLUDING DEFAULTS INCLUDING INDEXES)"
                )
            await shadow.execute(f"CREATE TEMP TABLE {_KEY} AS SELECT * FROM {schema}.{_KEY}")
            if not await shadow.fetchval(_sql.is_temporary):
                raise Unavailable("the session has other tables than its temporary ones")
            yield Target(shadow, schema)
        finally:
            await shadow.close()
    finally:
        await own.close()


class Target:
    """The tables that rows are written into. `schema`: that of the service's own."""

    def __init__(self, pool: Pool, schema: str) -> None:
        self.pool = pool
        self._schema = schema
        self._published: dict[int, int] = {}
        self._first: dict[int, int] = {}
        self.epochs: dict[int, int] = {}
        self._sequences: dict[int, int] = {}

    async def claim(self, partitions: Collection[int]) -> None:
        """Own partitions; their former owners write nothing more."""
        claims = await claim(self.pool, partitions, _OWNER)
        for partition, each in claims.items():
            self.epochs[partition] = each.epoch
            self._published[partition] = each.published
            self._first[partition] = self._sequences[partition] = each.sequence

    def next_sequence(self, partition: int) -> int:
        """Return the next place in a partition's publication."""
        self._sequences[partition] += 1
        return self._sequences[partition]

    async def may_be_filled(self) -> bool:
        """Return whether there is no conversation yet, except those of an interrupted rebuild."""
        return bool(await self.pool.fetchval(_sql.may_be_filled, _OWNER))

    async def erasures(self) -> Erasures:
        """Return who was erased."""
        rows = await self.pool.fetch(_erasures.all_erasures)
        at = {row["number_digest"]: row["erased_at"] for row in rows}
        return Erasures(key=await erasure_key(self.pool), at=at)

    async def take_over(self, erasures: Erasures) -> None:
        """Take over another database's key, to know who was erased by it: this database is empty."""
        await self.pool.execute(_erasures.take_key, erasures.key)

    async def message_ids(self, count: int) -> list[int]:
        """Return fresh ids for messages, for events of a build that did not tell them."""
        rows = await self.pool.fetch(_sql.message_ids, f"{self._schema}.conversation_messages", count)
        return [row[0] for row in rows]

    async def known_sends(self, own_ids: Sequence[str]) -> set[str]:
        """Return which sends have a row."""
        found = await sends_by_own_id(self.pool, own_ids)  # type: ignore[arg-type]  # asyncpg takes text too
        return {str(own_id) for own_id in found}

    async def write(self, writes: Sequence[Write]) -> list[Failed]:
        """Write conversations, each at most once; return what Postgres refuses.

        Raises:
            Unavailable: somebody else writes at the same time.
        """
        failed: list[Failed] = []
        for place in range(0, len(writes), _AT_ONCE):
            failed += await self._write(writes[place : place + _AT_ONCE])
        return failed

    async def _write(self, group: Sequence[Write]) -> list[Failed]:
        results: list[Result] = await append(self.pool, group)
        failed = [result for result in results if isinstance(result, Failed)]
        again: list[Write] = []
        for write, result in zip(group, results, strict=True):
            if isinstance(result, Conflict) and result.reason == "seen":
                again.append(_without(write, result.seen))
            elif isinstance(result, Conflict | Fenced):
                raise Unavailable("somebody else writes conversations; stop the workers")
        return failed + (await self._write(again) if again else [])

    async def finish(
        self, numbers: Mapping[int, int], ids: Mapping[str, int], erased: Mapping[str, datetime]
    ) -> None:
        """Make the database ready: ids go on past the log's, and nothing the log has is published again.

        `numbers`: the highest event number of each conversation in the log; `ids`: the highest of its
        conversations, messages and turns; `erased`: when numbers were erased, by digest.
        """
        await self._move_up(numbers)
        await advance(self.pool, self.epochs, self._sequences)
        await self.pool.execute(
            _sql.next_ids, _LOST_IDS, ids["conversation_id"], ids["message_id"], ids["turn_id"]
        )
        await self.pool.execute(_erasures.remember_erasures, list(erased), list(erased.values()))
        await self.pool.execute(_sql.mark_restored)
        await release(self.pool, self.epochs)

    async def _move_up(self, numbers: Mapping[int, int]) -> None:
        """Put what this database had not published, and the log does not have, behind what the log has."""
        for partition, last in self._first.items():
            places = [
                each.row.sequence
                async for each in self._unpublished(partition, last)
                if each.row.number > numbers.get(each.conversation_id, 0)
            ]
            top = self._sequences[partition]
            await self.pool.execute(
                _sql.move_up, partition, places, list(range(top + 1, top + 1 + len(places)))
            )

    async def _unpublished(self, partition: int, last: int) -> AsyncIterator[StoredEvent]:
        after = self._published[partition]
        while page := await unpublished(self.pool, partition, after=after, most=_PAGE):
            for each in page:
                if each.row.sequence > last:
                    return
                yield each
            after = page[-1].row.sequence

    async def differences(self, most: int) -> list[Difference]:
        """Compare the temporary tables with those beside."""
        return await compare(self.pool, self._schema, most)


def _without(write: Write, seen: Iterable[tuple[str, str]]) -> Write:
    """Return a write without the event ids that are already remembered."""
    known = set(seen)
    changes = (
        change
        for change in write.changes
        if not (isinstance(change, SeenRow) and (change.kind, change.event_id) in known)
    )
    return replace(write, changes=tuple(changes))
