"""Tables rebuilt from the events of a real store, row for row."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.pool import Pool, create_pool
from db.rebuild import tables
from db.store.session import SESSION
from rules.policy import Policy
from schemas.events import ConversationEvent
from schemas.settings import load_settings
from tests.support.chat import policy_of
from tests.support.full_life import play
from tests.support.history import MOVES, POLICIES, History
from tests.support.rebuild import PHONES, beside, made_anew, rebuilt, rows_of
from tests.support.servers import Databases
from tests.support.told_chat import World, world

# Each makes two databases, of some seconds; the moves in all are some thousand.
_HISTORIES = 6
_MOVES = 120


@pytest.fixture
async def lived(pool: Pool) -> World:
    """Two numbers that have lived."""
    found = await world(pool, policy_of(apology_text="Perdona"))
    for phone in PHONES:
        play(found.chat(phone))
    await found.save()
    return found


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(load_settings({}, database_url=url), SESSION)
    try:
        yield pool
    finally:
        await pool.close()


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_every_row_is_made_again(lived: World, database_url: str, size: int) -> None:
    found = await beside(database_url, lived.topic.records, size)
    assert [example for table in found for example in table.examples] == []
    equal = {table.table: table.equal for table in found}
    assert equal.pop("conversation_log") == len(lived.topic.records)
    assert equal == {
        "conversation_state": 2,
        "conversation_messages": 40,
        "conversation_actor": 2,
        "conversation_sends": 30,
        "conversation_seen": 20,
        "conversation_suppression": 0,
        "conversation_backend_posts": 0,
    }


async def test_a_difference_is_reported_with_its_columns(lived: World, pool: Pool, database_url: str) -> None:
    await pool.execute("UPDATE conversation_messages SET content = 'otra cosa' WHERE id = 3")
    await pool.execute("DELETE FROM conversation_messages WHERE id = 4")
    found = {table.table: table for table in await beside(database_url, lived.topic.records)}
    messages = found["conversation_messages"]
    assert (messages.differing, messages.only_in_log, messages.only_in_database) == (1, 1, 0)
    [changed] = [each for each in messages.examples if each.only_in is None]
    assert (changed.key, changed.columns) == ([3], ["content"])


async def test_beside_changes_nothing_and_wakes_nobody(lived: World, pool: Pool, database_url: str) -> None:
    told: list[str] = []
    before = await rows_of(pool)
    async with pool.acquire() as listening:
        hear = lambda connection, pid, channel, event: told.append(event)  # noqa: E731
        for channel in ("call_outcome", "message_outcome", "command_outcome"):
            await listening.add_listener(channel, hear)
        await beside(database_url, lived.topic.records)
        await listening.execute("SELECT pg_notify('call_outcome', 'the last')")
        for channel in ("call_outcome", "message_outcome", "command_outcome"):
            await listening.remove_listener(channel, hear)
    assert await rows_of(pool) == before
    assert told == ["the last"]


async def test_an_older_backup_is_caught_up(
    lived: World, pool: Pool, databases: Databases, migrated: str
) -> None:
    """The backup is what the log's first part makes; the whole log completes it, and twice gives the same."""
    log = lived.topic.records
    other = (await databases.create(migrated))[1]
    for part in (log[: len(log) // 2], log, log):
        result = await made_anew(other, part, 7, lived.policy)
    assert result.known == result.events
    async with opened(other) as restored:
        assert await rows_of(restored) == await rows_of(pool)
        for sequence in (
            "conversation_state_id_seq",
            "conversation_messages_id_seq",
            "conversation_turn_number",
        ):
            assert await restored.fetchval(f"SELECT nextval('{sequence}')") > 10_000


async def test_what_the_backup_had_not_published_leaves_behind_what_the_log_has(
    lived: World, pool: Pool, database_url: str
) -> None:
    """Catch up with a log that lacks the newest events, as when a worker died before publishing them."""
    records = lived.topic.records
    told = [each for each in records if each.offset < 10]
    await pool.execute("UPDATE conversation_publication SET sequence = 5")
    await made_anew(database_url, told, 7, lived.policy)
    left = await pool.fetch(
        "SELECT l.conversation_id, l.number"
        " FROM conversation_log l JOIN conversation_publication p USING (partition)"
        " WHERE l.sequence > p.sequence ORDER BY l.partition, l.sequence"
    )
    untold = sorted(
        (each for each in records if each.offset >= 10), key=lambda each: (each.partition, each.offset)
    )
    events = [ConversationEvent.from_json(each.value or b"") for each in untold]
    assert [tuple(row) for row in left] == [(event.conversation_id, event.number) for event in events]


async def test_one_that_was_interrupted_is_repeated(
    lived: World, pool: Pool, databases: Databases, migrated: str
) -> None:
    log = lived.topic.records
    other = (await databases.create(migrated))[1]
    async with tables(other, beside=False) as target:
        await rebuilt(target, log[: len(log) // 3], 7, policy=lived.policy)
    async with tables(other, beside=False) as target:
        assert await target.may_be_filled()
        result = await rebuilt(target, log, 7, policy=lived.policy)
        await target.finish(result.numbers, result.ids, result.erasures)
        assert not await target.may_be_filled()
    async with opened(other) as restored:
        assert await rows_of(restored) == await rows_of(pool)


@settings(max_examples=_HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    place=st.integers(0, len(POLICIES) - 1),
    known=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    moves=st.lists(st.tuples(st.integers(0, 2), MOVES, st.booleans()), min_size=_MOVES, max_size=_MOVES),
    size=st.integers(1, 100),
)
def test_whatever_happened_all_of_it_is_made_again(
    databases: Databases,
    migrated: str,
    place: int,
    known: tuple[bool, ...],
    moves: list[tuple[int, tuple[str, int, int], bool]],
    size: int,
) -> None:
    """Thousands of moves of three numbers, with erasures: written as they come, then from the log alone."""
    policy = POLICIES[place]

    async def live(pool: Pool) -> World:
        found = await world(pool, policy)
        lives = [
            History(policy, is_known=each, chat=found.chat(f"+57313853000{number}"))
            for number, each in enumerate(known)
        ]
        for place, (number, (name, a, b), saves) in enumerate(moves):
            getattr(lives[number], name)(a, b)
            if place == _MOVES // 2:
                lives[number].erase(0, 0)
            lives[number].check()
            if saves:
                await found.save()
        await found.save()
        return found

    asyncio.run(_lived_twice(databases, migrated, policy, live, size))


async def _lived_twice(
    databases: Databases, migrated: str, policy: Policy, live: Callable[[Pool], Awaitable[World]], size: int
) -> None:
    first, second = (await databases.create(migrated))[1], (await databases.create(migrated))[1]
    async with opened(first) as pool, opened(second) as other:
        lived = await live(pool)
        await made_anew(second, lived.topic.records, size, policy)
        assert await rows_of(other) == await rows_of(pool)
