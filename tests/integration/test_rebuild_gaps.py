"""Tables rebuilt from logs that are not whole: erased, cut off, unreadable, or of former builds."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db.pool import Pool, create_pool
from db.rebuild import tables
from db.store.erasures import erased_at, erasure_key
from schemas.documents import now
from schemas.phone import number_digests
from schemas.settings import load_settings
from streams.replay.reader import Record
from tests.support.chat import START, policy_of
from tests.support.full_life import play
from tests.support.rebuild import ERASED, PHONES, made_anew, rebuilt, rows_of
from tests.support.servers import Databases
from tests.support.told_chat import World, world

RECORDED = Path(__file__).parent.parent / "unit" / "recorded"
LATER = (START + timedelta(days=1)).replace(tzinfo=None)


@pytest.fixture
async def lived(pool: Pool) -> World:
    """A world in which nobody has lived yet."""
    return await world(pool, policy_of(apology_text="Perdona"))


@pytest.fixture
async def other(databases: Databases, migrated: str) -> str:
    """An empty database."""
    return (await databases.create(migrated))[1]


def formerly(version: int) -> list[Record]:
    lines = (RECORDED / f"conversation-event.v{version}.jsonl").read_text().splitlines()
    return [Record("conversation-event", 0, n, b"", line.encode(), now()) for n, line in enumerate(lines)]


async def erased_in(url: str) -> set[str]:
    """Who was erased, as another database knows it; nobody else is among them."""
    async with tables(url, beside=False) as target:
        found = await erased_at(target.pool, [*PHONES, ERASED])
        key, known = await erasure_key(target.pool), await target.erasures()
        assert set(known.at) <= {digest for number in found for digest in number_digests(key, number)}
        return set(found)


async def found_in(url: str, sql: str, *arguments: object) -> list[tuple[object, ...]]:
    pool = await create_pool(load_settings({}, database_url=url))
    try:
        return [tuple(row) for row in await pool.fetch(sql, *arguments)]
    finally:
        await pool.close()


async def test_erased_numbers_stay_erased_and_what_cannot_be_read_is_counted(
    lived: World, other: str
) -> None:
    play(lived.chat(ERASED))
    lived.chat(ERASED).write("STOP")
    play(lived.chat(PHONES[0]))
    await lived.save()
    log = lived.topic.records
    newer = json.loads(log[0].value or b"") | {"schema_version": 99}
    odd = json.loads(log[0].value or b"") | {
        "data": {"client_name": []},
        "phone_number": PHONES[1],
        "conversation_id": 9,
    }
    bad = [
        *(replace(log[0], value=json.dumps(value).encode()) for value in (newer, odd)),
        replace(log[0], value=b"{"),
        replace(log[0], value=None),
    ]
    async with tables(other, beside=False) as target:
        result = await rebuilt(target, [*bad, *log], 1000, {ERASED: LATER})
        await target.finish(result.numbers, result.ids, result.erasures)
    assert await found_in(other, "SELECT phone_number FROM conversation_actor") == [(PHONES[0],)]
    for table in ("state", "log", "sends", "seen"):
        rows = await found_in(other, f"SELECT DISTINCT phone_number FROM conversation_{table} ORDER BY 1")
        assert [row for row in rows if row != ("",)] == [(PHONES[0],)]
    ids = "SELECT count(*) FROM conversation_seen WHERE phone_number = ''"
    assert await found_in(other, ids) == [(11,)], "its events are not taken for new ones"
    assert await found_in(other, "SELECT phone_number FROM conversation_suppression") == [(ERASED,)], (
        "nor is it written to"
    )
    assert await erased_in(other) == {ERASED}
    assert result.unreadable == {"schema_version": 1, "body": 1, "data": 1}
    assert result.erased == sum(record.key == ERASED.encode() for record in log)


async def test_an_erased_number_that_came_back_is_as_it_is(lived: World, pool: Pool, other: str) -> None:
    chat = lived.chat(PHONES[0])
    play(chat)
    chat.now += timedelta(seconds=1)
    chat.command("erase")
    chat.now += timedelta(seconds=1)
    chat.call(
        "conv_again",
        recipient={"phone_number": PHONES[0], "conversation_id": "conv_again", "status": "completed"},
    )
    await lived.save()
    for _ in range(2):
        await made_anew(other, lived.topic.records, 7, lived.policy)
        restored = await create_pool(load_settings({}, database_url=other))
        assert await rows_of(restored) == await rows_of(pool)
        await restored.close()


async def test_of_a_number_that_was_erased_though_no_event_tells_of_it_only_the_present_is_there(
    lived: World, other: str
) -> None:
    chat = lived.chat(PHONES[0])
    play(chat)
    chat.command("erase")
    chat.call(
        "conv_again",
        recipient={"phone_number": PHONES[0], "conversation_id": "conv_again", "status": "completed"},
    )
    await lived.save()
    untold = [record for record in lived.topic.records if json.loads(record.value or b"")["type"] != "erased"]
    await made_anew(other, untold, 7, lived.policy)
    assert await found_in(other, "SELECT id, elevenlabs_conversation_id FROM conversation_state") == [
        (2, "conv_again")
    ]
    assert await found_in(other, "SELECT count(*) FROM conversation_messages") == [(0,)]
    assert await found_in(other, "SELECT DISTINCT conversation_id FROM conversation_log") == [(2,)]


async def test_what_the_log_no_longer_has_does_not_stop_the_rest(
    lived: World, pool: Pool, other: str
) -> None:
    for phone in PHONES:
        play(lived.chat(phone))
    await lived.save()
    first = lived.chat(PHONES[0])
    kinds = [json.loads(each.value or b"")["type"] for each in lived.topic.records[:10]]
    lost = kinds.count("sent") + kinds.count("received")
    result = await made_anew(other, lived.topic.records[10:], 1000, lived.policy)
    assert result.without_beginning == {first.state.id}
    assert not result.refused
    row = "SELECT status, agent_id, message_count FROM conversation_state ORDER BY id"
    assert await found_in(other, row) == [("active", "agent_1", first.state.message_count)] * 2
    assert await found_in(other, "SELECT count(*) FROM conversation_messages") == [
        (2 * first.state.message_count - lost,)
    ]


async def test_an_event_that_is_missing_in_between_is_noticed(lived: World, pool: Pool, other: str) -> None:
    play(lived.chat(PHONES[0]))
    await lived.save()
    log = lived.topic.records
    result = await made_anew(other, [*log[:6], *log[7:]], 5, lived.policy)
    assert (result.with_gaps, result.without_beginning, result.refused) == ({1}, set(), {})
    state = "SELECT status, message_count, last_message_at FROM conversation_state"
    assert await found_in(other, state) == [tuple(row) for row in await pool.fetch(state)]


@pytest.mark.parametrize("size", [4, 1000])
async def test_events_of_the_first_version_bring_back_what_they_have(other: str, size: int) -> None:
    """They told no ids of rows: conversations, messages and remembered inputs come back, turns do not."""
    records = formerly(1)
    for _ in range(2):
        result = await made_anew(other, records, size)
    directions = await found_in(other, "SELECT direction FROM conversation_messages ORDER BY id")
    assert (result.known, result.unreadable) == (len(records), {})
    assert directions == [("outbound",), ("inbound",), ("outbound",), ("inbound",)]
    assert await found_in(other, "SELECT count(*) FROM conversation_seen") == [(3,)]
    row = "SELECT client_name, elevenlabs_conversation_id FROM conversation_state"
    assert await found_in(other, row) == [("Ana García", "conv_9601k8pjchj6fnvamdmbsvdq5ptv")]
    assert await found_in(other, "SELECT (state->>'number')::int FROM conversation_actor") == [
        (len(records),)
    ]


@pytest.mark.parametrize("first", [2, 5, 9])
async def test_a_log_of_the_second_version_comes_to_the_same_in_one_go_and_in_two(
    databases: Databases, migrated: str, other: str, first: int
) -> None:
    records = formerly(2)
    await made_anew(other, records)
    twice = (await databases.create(migrated))[1]
    for part in (records[:first], records):
        await made_anew(twice, part, 3)
    found = []
    for url in (other, twice):
        pool = await create_pool(load_settings({}, database_url=url))
        found.append(await rows_of(pool))
        await pool.close()
    assert found[0] == found[1]
    kept = [row["data"] for row in found[0]["conversation_log"]]
    assert all(isinstance(data, dict) and data["schema_version"] == 2 for data in kept)


async def test_an_erasure_in_the_log_is_remembered(lived: World, other: str) -> None:
    for phone in PHONES:
        play(lived.chat(phone))
    lived.chat(PHONES[1]).command("erase")
    await lived.save()
    await made_anew(other, lived.topic.records, 7)
    left = await found_in(other, "SELECT DISTINCT phone_number FROM conversation_seen ORDER BY 1")
    assert left == [("",), (PHONES[0],)]
    assert await erased_in(other) == {PHONES[1]}
    assert await found_in(
        other, "SELECT count(*) FROM conversation_log WHERE phone_number = $1", PHONES[1]
    ) == [(0,)]


async def test_a_database_that_was_made_again_is_marked(lived: World, other: str) -> None:
    play(lived.chat(PHONES[0]))
    await lived.save()
    await made_anew(other, lived.topic.records, 7)
    [(at,)] = await found_in(other, "SELECT max(restored_at) FROM conversation_restore")
    assert isinstance(at, datetime)
    assert now() - at.replace(tzinfo=at.tzinfo or UTC) < timedelta(minutes=1)
