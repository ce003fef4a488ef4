"""What is read from the store: by API, console, health, statistics, dead letters, back-fill and export."""

from datetime import timedelta

import pytest

from db.pool import Pool
from db.queries import load
from rules import inputs as i
from tests.support.chat import NUMBER
from tests.support.stored_chat import StoredChat, stored_chat

_gateway, _ops, _stats = load("gateway"), load("ops"), load("stats")


@pytest.fixture
async def chat(pool: Pool) -> StoredChat:
    """A call, its first message, a question that was answered, one that waits."""
    chat = await stored_chat(pool)
    chat.now = await pool.fetchval("SELECT clock_timestamp()") - timedelta(minutes=1)
    chat.call()
    chat.greet()
    chat.write("¿Cuánto cuesta?", "SM1")
    chat.now += timedelta(seconds=2)
    chat.answer("Cuesta 20")
    chat.accept()
    chat.write("¿Y con descuento?", "SM2")
    await chat.save()
    return chat


async def test_a_calls_outcome_is_its_first_message(pool: Pool, chat: StoredChat) -> None:
    [row] = await pool.fetch(_gateway.call_outcomes, ["conv_1", "conv_other"])
    assert (row["event_id"], row["state"], row["error"]) == ("conv_1", "done", None)
    assert row["sid"].startswith("MM")


async def test_a_commands_outcome_is_told(pool: Pool, chat: StoredChat) -> None:
    chat.command("escalate", command_id="cmd-a")
    chat.command("write", command_id="cmd-b", text="Le llamo mañana")
    await chat.save()
    rows = {row["event_id"]: row for row in await pool.fetch(_gateway.command_outcomes, ["cmd-a", "cmd-b"])}
    assert rows["cmd-a"]["outcome"] == {"command": "escalate", "state": "done", "changed": True}
    assert (rows["cmd-b"]["command"], rows["cmd-b"]["outcome"]) == ("write", None)
    assert rows["cmd-a"]["status"] == "escalated"


async def test_an_erasure_that_tells_other_addresses_first_is_known_as_one(
    pool: Pool, chat: StoredChat
) -> None:
    """Sent again meanwhile it is the same command, and no other one's id."""
    chat.write("soy yo", "SM3", linked=("CO.1234567890",))
    chat.command("erase", command_id="cmd-c")
    await chat.save()
    [row] = await pool.fetch(_gateway.command_outcomes, ["cmd-c"])
    assert (row["command"], row["outcome"], row["others"]) == ("erase", None, ["CO.1234567890"])


async def test_figures_of_a_day(pool: Pool, chat: StoredChat) -> None:
    row = await pool.fetchrow(_gateway.stats, "UTC", None)
    names = (
        "total_conversations_today",
        "messages_sent_today",
        "messages_received_today",
        "answered_today",
        "failed",
    )
    assert [row[name] for name in names] == [1, 2, 2, 1, 0]
    assert (row["active"], row["completed"], row["waiting"]) == (1, 2, 0)
    assert row["avg_response_time_seconds"] == pytest.approx(2.0)


async def test_what_is_open_is_known_with_its_age(pool: Pool, chat: StoredChat) -> None:
    [row] = await pool.fetch(_ops.stuck, 1.0, 10)
    assert (row["phone_number"], row["kind"], row["state"]) == (NUMBER, "reply", "begun")
    work = await pool.fetchrow(_gateway.work)
    assert work["oldest_waiting"] > 1


async def test_what_waits_for_its_time_is_held(pool: Pool, chat: StoredChat) -> None:
    chat.give(i.AgentFailed(question=("SM2",), retryable=True, why="HTTP 503", retry_after=3600.0))
    await chat.save()
    row = await pool.fetchrow(_gateway.stats, "UTC", None)
    assert (row["active"], row["waiting"]) == (0, 1)


async def test_the_newest_turns_with_their_messages(pool: Pool, chat: StoredChat) -> None:
    rows = await pool.fetch(_ops.turns, chat.state.id, 10)
    assert [(row["kind"], row["state"]) for row in rows] == [
        ("reply", "begun"),
        ("reply", "done"),
        ("call", "done"),
    ]
    assert [send["state"] for send in rows[1]["sends"]] == ["accepted"]
    took = [rows[1][name] - rows[1]["received_at"] for name in ("begun_at", "answered_at")]
    assert took == [timedelta(seconds=1), timedelta(seconds=2)], "waited, asked, answered"


async def test_a_record_is_made_of_the_log(pool: Pool, chat: StoredChat) -> None:
    [row] = await pool.fetch(_stats.records, [chat.state.id])
    assert [event["type"] for event in row["events"]] == [
        "started",
        "details",
        "answered",
        "sent",
        "received",
        "answered",
        "sent",
        "received",
    ]
    assert row["event_number"] == 8


_ARGUMENTS: dict[str, tuple[object, ...]] = {
    "gateway.message_params": (NUMBER, "SM1"),
    "gateway.campaign": ("UTC", None, None, 8, 30),
    "gateway.untold": (),
    "ops.conversations": (None, None, None, True, True, None, None, 10, None),
    "ops.conversation_head": (NUMBER,),
    "ops.messages": (1, None, 10),
    "ops.now": (),
    "ops.response_times": (300.0,),
    "ops.turns_over_time": (300.0, 10.0),
    "ops.newest_change": (),
    "ops.conversation_changes": ([NUMBER],),
    "ops.actions": (1, 10),
    "dead_letters.add_turns": (),
    "dead_letters.resolve_turns": (),
    "backfill.known_messages": (["SM1"],),
    "backfill.known_calls": (["conv_1"],),
    "backfill.sends": (["MM1"],),
    "backfill.call_details": ("conv_1",),
    "export.export": (NUMBER, ["digest"]),
    "stats.ids_of": ([NUMBER],),
    "stats.told": (0, 10, 30),
}


@pytest.mark.parametrize("name", _ARGUMENTS)
async def test_every_other_query_runs(pool: Pool, chat: StoredChat, name: str) -> None:
    file, _, query = name.partition(".")
    await pool.fetch(getattr(load(file), query), *_ARGUMENTS[name])
