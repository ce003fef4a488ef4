"""What a write puts where, on a real Postgres."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from db.pool import Pool
from db.store.append import append
from db.store.write import Conflict, Fenced, Written
from schemas.rows import (
    BackendPost,
    BackendPostTaken,
    ConversationChange,
    MessageTimes,
    Outcome,
    SendChange,
    SuppressionChange,
)
from tests.support.person import AT, Person, later

OWN_ID = "7f0e9f5a-4a4e-4a60-9d40-1f3f3c1c9c11"


async def row(pool: Pool, table: str) -> dict[str, Any]:
    """Return a table's only row."""
    [found] = await pool.fetch(f"SELECT * FROM {table}")
    return dict(found)


async def count(pool: Pool, table: str) -> int:
    found: int = await pool.fetchval(f"SELECT count(*) FROM {table}")
    return found


async def test_a_conversation_begins_with_all_that_it_changes(pool: Pool, ana: Person) -> None:
    write = await ana.append(
        pool,
        ana.begins(),
        ana.seen("CA1", "call"),
        ana.message(7),
        is_open=True,
        due_at=later(hours=1),
        events=2,
    )
    actor = await row(pool, "conversation_actor")
    assert actor == {
        "phone_number": ana.phone,
        "partition": 0,
        "conversation_id": 1,
        "version": 1,
        "write_id": write.write_id,
        "state": {"status": "active"},
        "is_open": True,
        "due_at": later(hours=1),
    }
    events = await pool.fetch("SELECT * FROM conversation_log ORDER BY number")
    assert [(event["number"], event["type"], event["at"], event["data"]) for event in events] == [
        (1, "noted", AT, {"n": 1}),
        (2, "noted", AT, {"n": 2}),
    ]
    assert [event["sequence"] for event in events] == [event.sequence for event in write.log]
    assert await row(pool, "conversation_seen") == {
        "kind": "call",
        "event_id": "CA1",
        "phone_number": ana.phone,
        "at": AT,
        "outcome": None,
    }
    message = await row(pool, "conversation_messages")
    assert (message["id"], message["conversation_id"], message["sent_at"]) == (7, 1, AT.replace(tzinfo=None))


async def test_what_a_new_row_does_not_say_is_as_the_contract_has_it(pool: Pool, ana: Person) -> None:
    await ana.append(pool, ana.changes(client_name="Ana", closed_at=None))
    made = await row(pool, "conversation_state")
    assert (made["id"], made["phone_number"], made["client_name"]) == (1, ana.phone, "Ana")
    assert (made["status"], made["agent_id"], made["message_count"], made["metadata"]) == (
        "active",
        "",
        0,
        {},
    )
    age = datetime.now(UTC).replace(tzinfo=None) - made["started_at"]
    assert abs(age.total_seconds()) < 60.0


async def test_only_what_a_change_says_changes(pool: Pool, ana: Person) -> None:
    await ana.append(pool, ana.begins(call_summary="interesada", call_duration_secs=42, last_inbound_at=AT))
    before = await row(pool, "conversation_state")
    await ana.append(pool, ana.changes(status="closed", closed_at=later(days=1), last_inbound_at=None))
    assert await row(pool, "conversation_state") == before | {
        "status": "closed",
        "closed_at": later(days=1).replace(tzinfo=None),
        "last_inbound_at": None,
    }


async def test_times_of_other_zones_are_stored_in_utc(pool: Pool, ana: Person) -> None:
    there = datetime.fromisoformat("2026-05-04T07:30:15-05:00")
    await ana.append(pool, ana.begins(started_at=there), ana.message(1, sent_at=there), due_at=there)
    assert (await row(pool, "conversation_state"))["started_at"] == datetime(2026, 5, 4, 12, 30, 15)
    assert (await row(pool, "conversation_messages"))["sent_at"] == datetime(2026, 5, 4, 12, 30, 15)
    assert (await row(pool, "conversation_actor"))["due_at"] == there


async def test_metadata_is_added_to_removed_from_and_keeps_calls(pool: Pool, ana: Person) -> None:
    change = ana.begins()
    made = ConversationChange(id=1, phone_number=ana.phone, columns=change.columns, metadata={"a": 1, "b": 2})
    await ana.append(pool, made)

    async def metadata(**over: Any) -> Any:  # noqa: ANN401 - a change's fields, and JSON
        await ana.append(pool, ConversationChange(id=1, phone_number=ana.phone, **over))
        return (await row(pool, "conversation_state"))["metadata"]

    assert await metadata(messages=1) == {"a": 1, "b": 2}
    assert await metadata(metadata={"c": [3]}, removed_metadata=("a", "unknown")) == {"b": 2, "c": [3]}
    assert await metadata(archived_call={"id": 1}, removed_metadata=("c",)) == {"b": 2, "calls": [{"id": 1}]}
    assert await metadata(archived_call={"id": 2}) == {"b": 2, "calls": [{"id": 1}, {"id": 2}]}
    assert await metadata(removed_metadata=("calls",), archived_call={"id": 3}) == {
        "b": 2,
        "calls": [{"id": 3}],
    }
    assert (await row(pool, "conversation_state"))["message_count"] == 1


async def test_changes_of_one_row_in_one_write_are_one(pool: Pool, ana: Person) -> None:
    def change(**over: Any) -> ConversationChange:  # noqa: ANN401 - a change's fields
        return ConversationChange(id=1, phone_number=ana.phone, **over)

    await ana.append(
        pool,
        ana.begins(),
        change(metadata={"call": {"n": 1}, "kept": True}, messages=1),
        change(archived_call={"n": 1}, removed_metadata=("call",), columns={"status": "closed"}),
        change(
            archived_call={"n": 2}, metadata={"call": {"n": 3}}, columns={"status": "escalated"}, messages=1
        ),
        ana.send(OWN_ID),
        SendChange(own_id=OWN_ID, columns={"state": "accepted", "sid": "SM1"}),
        ana.message(1),
        MessageTimes(id=1, delivered_at=later(seconds=1)),
        MessageTimes(id=1, delivered_at=later(seconds=9), read_at=later(seconds=2)),
    )
    made = await row(pool, "conversation_state")
    assert made["metadata"] == {"kept": True, "calls": [{"n": 1}, {"n": 2}], "call": {"n": 3}}
    assert (made["status"], made["message_count"]) == ("escalated", 2)
    send = await row(pool, "conversation_sends")
    assert (send["state"], send["sid"], send["body"]) == ("accepted", "SM1", "respuesta")
    message = await row(pool, "conversation_messages")
    assert message["delivered_at"] == later(seconds=1).replace(tzinfo=None)
    assert message["read_at"] == later(seconds=2).replace(tzinfo=None)


async def test_a_send_is_made_and_then_changed(pool: Pool, ana: Person) -> None:
    await ana.append(pool, ana.begins(), ana.send(OWN_ID, content={"sid": "HX1"}))
    made = await row(pool, "conversation_sends")
    assert (made["own_id"], made["state"], made["rank"], made["came_back"]) == (
        UUID(OWN_ID),
        "intended",
        -1,
        False,
    )
    assert made["content"] == {"sid": "HX1"}
    columns: Any = {
        "state": "accepted",
        "sid": "SM1",
        "accepted_at": later(seconds=1),
        "content": None,
        "message_id": 3,
    }
    await ana.append(pool, SendChange(own_id=OWN_ID, columns=columns))
    assert await row(pool, "conversation_sends") == made | columns
    await ana.append(pool, SendChange(own_id=OWN_ID, columns={"status": "read", "rank": 5, "read_at": AT}))
    assert await row(pool, "conversation_sends") == made | columns | {
        "status": "read",
        "rank": 5,
        "read_at": AT,
    }


async def test_what_changes_a_send_that_is_kept_no_longer_makes_none(pool: Pool, ana: Person) -> None:
    await ana.append(pool, ana.begins(), ana.send(OWN_ID))
    await pool.execute("DELETE FROM conversation_sends")
    await ana.append(
        pool, ana.message(1), SendChange(own_id=OWN_ID, columns={"status": "read", "rank": 5, "read_at": AT})
    )
    assert await pool.fetch("SELECT * FROM conversation_sends") == []
    assert (await row(pool, "conversation_messages"))["content"] == "hola"


async def test_a_time_that_is_there_stays(pool: Pool, ana: Person) -> None:
    await ana.append(pool, ana.begins(), ana.message(1, direction="outbound", delivered_at=AT))
    await ana.append(pool, MessageTimes(id=1, delivered_at=later(seconds=5), read_at=later(seconds=6)))
    message = await row(pool, "conversation_messages")
    assert message["delivered_at"] == AT.replace(tzinfo=None)
    assert message["read_at"] == later(seconds=6).replace(tzinfo=None)


async def test_an_outcome_is_kept_and_announced_with_the_write(
    pool: Pool, database_url: str, ana: Person
) -> None:
    heard: list[tuple[str, str]] = []
    listener = await asyncpg.connect(database_url)
    try:
        for channel in ("call_outcome", "command_outcome"):
            await listener.add_listener(channel, lambda *told: heard.append(told[2:]))
        done = Outcome(kind="command", event_id="k1", outcome={"state": "done"})
        await ana.append(pool, ana.begins(), ana.seen("CA1", "call"), ana.seen("k1", "command"), done)
        await ana.append(pool, Outcome(kind="call", event_id="CA1", outcome={"sid": "SM1"}))
        refused = ana.write(Outcome(kind="call", event_id="CA1", outcome={}), version=99)
        assert isinstance((await append(pool, [refused]))[0], Conflict)
        await listener.fetchval("SELECT 1")  # what came before it is handed over by now
    finally:
        await listener.close()
    assert heard == [("command_outcome", "k1"), ("call_outcome", "CA1")]
    found = await pool.fetch("SELECT event_id, outcome FROM conversation_seen ORDER BY 1")
    assert [tuple(each) for each in found] == [("CA1", {"sid": "SM1"}), ("k1", {"state": "done"})]


async def test_a_suppression_comes_and_goes(pool: Pool, ana: Person) -> None:
    wish = SuppressionChange(phone_number=ana.phone, source="client", event_id="SM1", since=AT)
    await ana.append(pool, ana.begins(), wish)
    first = await row(pool, "conversation_suppression")
    assert first == {
        "phone_number": ana.phone,
        "source": "client",
        "event_id": "SM1",
        "since": AT.replace(tzinfo=None),
    }
    await ana.append(
        pool, SuppressionChange(phone_number=ana.phone, source="operator", event_id="k1", since=later(days=1))
    )
    assert (await row(pool, "conversation_suppression"))["source"] == "operator"
    await ana.append(pool, SuppressionChange(phone_number=ana.phone))
    assert await count(pool, "conversation_suppression") == 0


async def test_a_post_stays_until_it_is_taken(pool: Pool, ana: Person) -> None:
    posts = [
        BackendPost(conversation_id=1, number=n, phone_number=ana.phone, payload={"n": n}) for n in (1, 2)
    ]
    await ana.append(pool, ana.begins(), *posts)
    await ana.append(pool, BackendPostTaken(conversation_id=1, number=1))
    assert (await row(pool, "conversation_backend_posts"))["payload"] == {"n": 2}


async def test_an_actor_that_is_removed_leaves_nothing_but_its_log(pool: Pool, ana: Person) -> None:
    await ana.append(pool, ana.begins())
    await ana.append(pool, state=None)
    assert await count(pool, "conversation_actor") == 0
    await ana.append(pool)
    assert await count(pool, "conversation_log") == 3


async def test_a_group_writes_what_is_right_and_refuses_the_rest(pool: Pool) -> None:
    people = [Person(phone=f"+57300000000{n}", id=n) for n in range(1, 7)]
    writes = [each.write(each.begins(), each.seen(f"SM{each.id}"), each.message(each.id)) for each in people]
    assert await append(pool, writes) == [Written(version=1)] * 6
    for person, write in zip(people, writes, strict=True):
        person.wrote(write)
    good, stale, foreign, repeated, again, gone = people
    group = [
        good.write(good.seen("SMnew"), good.message(10)),
        stale.write(stale.message(11), version=7),
        foreign.write(foreign.message(12), epoch=2),
        repeated.write(repeated.message(13), repeated.seen("SMother"), repeated.seen("SM1")),
        again.write(again.message(14), version=0),
        gone.write(gone.message(15), partition=5),
    ]
    assert await append(pool, list(reversed(group))) == [
        Fenced(epoch=0),
        Conflict(reason="version", version=1, row_id=5),
        Conflict(reason="seen", version=1, seen=(("message", "SM1"),), row_id=4),
        Fenced(epoch=1),
        Conflict(reason="version", version=1, row_id=2),
        Written(version=2),
    ]
    assert [each["id"] for each in await pool.fetch("SELECT id FROM conversation_messages WHERE id > 9")] == [
        10
    ]
    assert await count(pool, "conversation_log") == 7
    assert await pool.fetchval("SELECT count(*) FROM conversation_seen WHERE event_id = 'SMother'") == 0


async def test_a_group_has_one_write_of_a_conversation(pool: Pool, ana: Person) -> None:
    with pytest.raises(ValueError, match="one write of a conversation"):
        await append(pool, [ana.write(ana.begins()), ana.write(ana.begins())])
    assert await append(pool, []) == []


async def test_two_of_a_group_that_bring_the_same_event_are_one_and_a_conflict(
    pool: Pool, ana: Person, luis: Person
) -> None:
    writes = [each.write(each.begins(), each.seen("SM1")) for each in (ana, luis)]
    results = await append(pool, writes)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Written"]
    assert await count(pool, "conversation_actor") == await count(pool, "conversation_state") == 1


async def test_a_state_is_stored_as_it_is_given(pool: Pool, ana: Person) -> None:
    ana.state = {"text": 'ñ "quoted" \\ 漢 🙂', "none": None, "deep": [{"a": [1, 2.5]}]}
    await ana.append(pool, ana.begins())
    assert json.loads(await pool.fetchval("SELECT state::text FROM conversation_actor")) == ana.state


async def test_the_same_write_twice_is_written_once(pool: Pool, ana: Person) -> None:
    write = ana.write(ana.begins(), ana.seen("SM1"), ana.message(1), write_id=uuid4())
    assert await append(pool, [write]) == await append(pool, [write]) == [Written(version=1)]
    assert await count(pool, "conversation_log") == await count(pool, "conversation_messages") == 1
