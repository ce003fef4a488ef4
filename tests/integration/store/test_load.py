"""What an owner reads: actors by key, open ones, due ones, and what a message needs beyond the state."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from db.pool import Pool
from db.store.ids import id_blocks
from db.store.load import BEGINNING, clock, due_actors, load, open_actors
from db.store.lookups import (
    backend_post,
    events,
    newest_messages,
    quoted_texts,
    seen_events,
    sends_by_own_id,
    sends_by_sid,
    sends_of_turn,
)
from db.store.rows import Suppression
from schemas.rows import BackendPost, Outcome, SuppressionChange
from tests.support.person import AT, Person, later


def people(most: int) -> list[Person]:
    return [Person(phone=f"+5730000000{n:02}", id=n) for n in range(1, most + 1)]


async def test_actors_come_with_their_state_and_opt_out(pool: Pool, ana: Person, luis: Person) -> None:
    wish = SuppressionChange(phone_number=ana.phone, source="operator", event_id="k1", since=AT)
    await ana.append(pool, ana.begins(), wish, is_open=True, due_at=later(hours=1))
    found = await load(pool, [ana.phone, luis.phone])
    mine, none = found[ana.phone], found[luis.phone]
    assert (mine.version, mine.conversation_id, mine.partition, mine.is_open) == (1, 1, 0, True)
    assert mine.due_at == later(hours=1)
    assert json.loads(mine.state or b"") == {"status": "active"}
    assert mine.suppression == Suppression(source="operator", event_id="k1", since=AT)
    assert (none.version, none.state, none.conversation_id, none.suppression) == (0, None, None, None)


async def test_the_open_ones_of_a_partition_come_in_batches(pool: Pool) -> None:
    everybody = people(7)
    for person in everybody:
        await person.append(pool, person.begins(), is_open=person.id != 4)
    await everybody[0].append(pool, is_open=False)
    found, after = [], ""
    while batch := await open_actors(pool, 0, after, 2):
        assert len(batch) <= 2
        found += [each.conversation_id for each in batch]
        after = batch[-1].phone_number
    assert found == [2, 3, 5, 6, 7]
    assert await open_actors(pool, 1, "", 2) == []


async def test_the_due_ones_come_in_batches_longest_due_first(pool: Pool) -> None:
    now = await clock(pool)
    for person in people(6):
        due = now - timedelta(minutes=person.id) if person.id < 6 else now + timedelta(hours=1)
        await person.append(pool, person.begins(), due_at=due)
    batch = await due_actors(pool, 0, BEGINNING, 2)
    assert [each.phone_number[-1] for each in batch] == ["5", "4"]
    rest = await due_actors(pool, 0, batch[-1], 10)
    assert [each.phone_number[-1] for each in rest] == ["3", "2", "1"]


async def test_ids_that_were_seen_are_told_with_their_outcome(pool: Pool, ana: Person) -> None:
    outcome = Outcome(kind="call", event_id="CA1", outcome={"sid": "SM1"})
    await ana.append(pool, ana.begins(), ana.seen("CA1", "call"), outcome, ana.seen("SM1"))
    asked = [("call", "CA1"), ("message", "SM1"), ("message", "CA1"), ("message", "SM2")]
    found = await seen_events(pool, asked)
    assert {event: each.outcome for event, each in found.items()} == {
        ("call", "CA1"): {"sid": "SM1"},
        ("message", "SM1"): None,
    }


async def test_sends_are_found_by_both_ids_and_by_turn(pool: Pool, ana: Person) -> None:
    first, second = str(uuid4()), str(uuid4())
    await ana.append(
        pool,
        ana.begins(),
        ana.send(second, part=1),
        ana.send(first, sid="SM1", content={"sid": "HX1"}, times=2),
    )
    [by_own_id] = (await sends_by_own_id(pool, [UUID(first), uuid4()])).values()
    [by_sid] = (await sends_by_sid(pool, ["SM1", "SM2"])).values()
    assert by_own_id == by_sid
    assert (by_sid.own_id, by_sid.content, by_sid.planned_at, by_sid.rank) == (
        UUID(first),
        {"sid": "HX1"},
        AT,
        -1,
    )
    turn = await sends_of_turn(pool, ana.phone, 1)
    assert [each.own_id for each in turn] == [UUID(first), UUID(second)]
    assert await sends_of_turn(pool, ana.phone, 2) == []


async def test_a_quoted_text_is_never_another_conversations(pool: Pool, ana: Person, luis: Person) -> None:
    await ana.append(pool, ana.begins(), ana.message(1, content="mío", twilio_message_id="SMa"))
    await luis.append(pool, luis.begins(), luis.message(2, content="suyo", twilio_message_id="SMb"))
    assert await quoted_texts(pool, [(1, "SMa"), (1, "SMb"), (2, "SMc")]) == {(1, "SMa"): "mío"}


async def test_the_newest_messages_come_oldest_first_up_to_one_and_without_some(
    pool: Pool, ana: Person
) -> None:
    await ana.append(pool, ana.begins(), *(ana.message(n, content=str(n)) for n in range(1, 8)))
    assert [each.content for each in await newest_messages(pool, 1, most=3)] == ["5", "6", "7"]
    some = await newest_messages(pool, 1, most=3, until=6, without=[3, 5])
    assert [each.content for each in some] == ["2", "4", "6"]
    assert some[0].sent_at == AT


async def test_events_and_posts_are_read_back(pool: Pool, ana: Person) -> None:
    post = BackendPost(conversation_id=1, number=2, phone_number=ana.phone, payload={"type": "closed"})
    write = await ana.append(pool, ana.begins(), post, events=3)
    found = await events(pool, 1, after=1, most=1)
    assert [(each.phone_number, each.conversation_id, each.row) for each in found] == [
        (ana.phone, 1, write.log[1])
    ]
    assert await backend_post(pool, 1, 2) == {"type": "closed"}
    assert await backend_post(pool, 1, 3) is None


async def test_ids_are_reserved_in_blocks_that_nobody_else_gets(pool: Pool) -> None:
    here, there = await id_blocks(pool, 10), await id_blocks(pool, 10)
    await here.fill(5)
    await there.fill(5)
    await here.fill(5)
    assert len(here.messages) == 10
    mine = [here.messages.take() for _ in range(10)]
    theirs = [there.messages.take() for _ in range(10)]
    made = await pool.fetchval("SELECT nextval('conversation_messages_id_seq')")
    assert len({*mine, *theirs, made}) == 21
    assert mine == sorted(mine)
    here.drop()
    await here.fill(1)
    assert here.messages.take() > max(*mine, *theirs, made)


async def test_the_clock_is_postgres(pool: Pool) -> None:
    assert abs((await clock(pool) - datetime.now(UTC)).total_seconds()) < 60.0
