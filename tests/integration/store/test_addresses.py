"""A person's two addresses on the real store: rows in place, rebuilt from the log, counted as one person."""

from datetime import UTC

import pytest

from db.pool import Pool
from db.queries import load
from db.readers.gateway import CONVERSATION
from db.readers.letters import PAGE
from db.readers.ops import CONVERSATIONS, HEAD, MESSAGES, STATUS_CHANGES
from db.readers.persons import ADDRESSES, addresses_of, kept_of
from db.readers.statistics import IDS_OF, RECORDS
from db.store.load import load_conversations
from db.store.lookups import newest_messages, quoted_texts
from rules import inputs as i
from rules.effects import AskAgent
from rules.events import TurnFailed
from schemas.documents import now
from schemas.events import InboundMessage
from schemas.rows import Json
from schemas.topics import INBOUND_MESSAGE
from streams.actors.store import load_actors
from streams.replay.candidates import Wanted, read
from streams.replay.lookup import Lookup
from streams.replay.reader import Record
from streams.stats.days import DAYS_KEPT
from streams.stats.event import parse_event
from streams.stats.postgres import derived
from streams.stats.record import Record as Counted
from streams.stats.record import apply
from tests.support.addresses import OTHER, USER, Addresses
from tests.support.chat import NUMBER, policy_of
from tests.support.rebuild import beside
from tests.support.told_chat import World, world
from web.ops.conversations import Search

_ADOPTED: Json = {"unknown_number_agent_id": "agent_9", "unknown_number_grace_seconds": 60}
_NEW_USER, _PARENT = "CO.9999", "CO.ENT.77"
_gateway = load("gateway")


async def lived(pool: Pool) -> tuple[World, Addresses]:
    """A called number, and an id that was answered as a stranger; then they are found to be one person."""
    found = await world(pool, policy_of(**_ADOPTED))
    person = Addresses(
        found.policy, found.ids, now(), {key: found.chat(key) for key in sorted((NUMBER, USER))}
    )
    person.chat(NUMBER).call()
    person.chat(NUMBER).greet()
    person.passes(seconds=1)
    await person.awrite(USER, "hola")
    person.passes(seconds=60)
    person.chat(USER).answer("Buenas")
    person.chat(USER).accept()
    person.passes(seconds=1)
    await person.awrite(USER, "¿precio?")
    person.passes(seconds=1)
    await person.awrite(NUMBER, "soy Ana", ExternalUserId=f"whatsapp:{USER}")
    await found.save()
    await person.asettle()
    person.chat(NUMBER).answer("Cuesta 20")
    person.chat(NUMBER).accept()
    person.passes(seconds=1)
    await person.awrite(USER, "¿y envío?")
    await person.asettle()
    await found.save()
    return found, person


async def moved(pool: Pool, *, called_again: bool) -> tuple[World, Addresses]:
    """A called person changes the number.

    `called_again`: they were also called at the new one before it was known whose it is.
    """
    found = await world(pool, policy_of())
    keys = sorted((NUMBER, USER, OTHER, _NEW_USER, _PARENT))
    person = Addresses(found.policy, found.ids, now(), {key: found.chat(key) for key in keys})

    async def say(number: str, user: str, text: str) -> None:
        person.passes(seconds=1)
        parent = {"ParentExternalUserId": f"whatsapp:{_PARENT}"}
        await person.awrite(number, text, ExternalUserId=f"whatsapp:{user}", **parent)
        await person.asettle()
        [asked] = [
            chat
            for chat in person.chats.values()
            if any(isinstance(each, AskAgent) for each in chat.wanted())
        ]
        asked.answer(f"Sobre {text}")
        asked.accept()
        await found.save()

    for number, call in ((NUMBER, "conv_1"), *([(OTHER, "conv_2")] if called_again else [])):
        person.passes(seconds=1)
        person.chat(number).call(call, batch_id="b1")
        person.chat(number).greet()
        if number == NUMBER:
            await say(NUMBER, USER, "uno")
    await say(OTHER, _NEW_USER, "dos")
    await say(OTHER, _NEW_USER, "tres")
    return found, person


@pytest.mark.parametrize("called_again", [False, True])
async def test_who_changes_the_number_has_one_conversation_and_counts_once(
    pool: Pool, database_url: str, *, called_again: bool
) -> None:
    found, person = await moved(pool, called_again=called_again)
    root, call = (OTHER, "conv_2") if called_again else (NUMBER, "conv_1")
    for address in (NUMBER, USER, OTHER, _NEW_USER, _PARENT):
        shown = CONVERSATION.read(await pool.fetchrow(CONVERSATION.sql, address, None, None, None))
        assert (shown.phone_number, shown.elevenlabs_conversation_id) == (root, call)
        assert [each["content"] for each in shown.page if each["direction"] == "inbound"] == [
            "uno",
            "dos",
            "tres",
        ]
        assert (await addresses_of(pool, address))[0] == root
    to = [
        row["to_address"]
        for row in await pool.fetch("SELECT to_address FROM conversation_sends ORDER BY planned_at")
    ]
    assert to[-2:] == [f"whatsapp:{OTHER}"] * 2
    differences = await beside(database_url, found.topic.records)
    assert [example for table in differences for example in table.examples] == []
    records = _counted(found)
    told = await pool.fetchrow(_gateway.stats, "UTC", None)
    days = [day for record in records.values() for day in record["days"].values()]
    assert sum(day["started"] for day in days) == told["total_conversations_today"] == 1
    assert sum(day["received"] for day in days) == told["messages_received_today"] == 3
    assert (
        sum(record["status"] == "active" for record in records.values()) == told["active_conversations"] == 1
    )
    [campaign] = await pool.fetch(_gateway.campaign, "UTC", "b1", None, 3, 30)
    assert (campaign["started"], campaign["answered"]) == (1, 1)
    assert sum(len(record["calls"]) for record in records.values()) == 1
    assert {key: (await load_actors(pool, [key]))[key].state for key in person.chats} == {
        key: chat.state for key, chat in person.chats.items()
    }


def _counted(found: World) -> dict[str, Counted]:
    records: dict[str, Counted] = {}
    for each in found.topic.records:
        event = parse_event(each.value)
        records[event.phone_number] = apply(records.get(event.phone_number), event, UTC)
    return records


async def test_the_ids_row_stays_closed_and_leads_to_the_number(pool: Pool) -> None:
    _, person = await lived(pool)
    rows = await load_conversations(pool, [NUMBER, USER])
    assert (rows[USER].status, rows[USER].metadata["merged_into"]) == ("closed", NUMBER)
    assert (rows[NUMBER].status, rows[NUMBER].elevenlabs_conversation_id) == ("active", "conv_1")
    messages = await pool.fetch(
        "SELECT conversation_id, content, metadata FROM conversation_messages ORDER BY id"
    )
    said = {(row["conversation_id"], row["content"]): row["metadata"] for row in messages}
    assert len(said) == len(messages) == 7
    assert said[rows[NUMBER].id, "¿y envío?"]["via"] == USER
    actors = await load_actors(pool, [NUMBER, USER])
    assert {key: actor.state for key, actor in actors.items()} == {
        key: person.chat(key).state for key in actors
    }


async def test_the_log_makes_both_again(pool: Pool, database_url: str) -> None:
    found, _ = await lived(pool)
    differences = await beside(database_url, found.topic.records)
    assert [example for table in differences for example in table.examples] == []


async def test_they_are_one_person_in_the_statistics(pool: Pool) -> None:
    found, _ = await lived(pool)
    records = _counted(found)
    ids = [each.id for each in await IDS_OF.all(pool, [NUMBER, USER])]
    rows = await RECORDS.all(pool, ids)
    assert {row.phone_number: derived(row, UTC, DAYS_KEPT) for row in rows} == records
    days = [day for record in records.values() for day in record["days"].values()]
    told = await pool.fetchrow(_gateway.stats, "UTC", None)
    assert sum(day["started"] for day in days) == told["total_conversations_today"] == 1
    assert sum(day["answered"] for day in days) == told["answered_today"] == 1
    assert sum(day["received"] for day in days) == told["messages_received_today"] == 4
    assert sum(day["sent"] for day in days) == told["messages_sent_today"] == 3
    assert (
        sum(record["status"] == "active" for record in records.values()) == told["active_conversations"] == 1
    )


@pytest.mark.parametrize("address", [NUMBER, USER])
async def test_either_address_leads_to_all_that_was_said(pool: Pool, address: str) -> None:
    await lived(pool)
    shown = CONVERSATION.read(await pool.fetchrow(CONVERSATION.sql, address, None, None, None))
    assert (shown.phone_number, shown.elevenlabs_conversation_id, shown.status) == (
        NUMBER,
        "conv_1",
        "active",
    )
    said = [message["content"] for message in shown.page]
    assert said[1:] == ["hola", "Buenas", "¿precio?", "soy Ana", "Cuesta 20", "¿y envío?"]
    assert shown.message_count == len(said) == 7
    before = CONVERSATION.read(
        await pool.fetchrow(CONVERSATION.sql, address, shown.page[2]["id"], None, None)
    )
    assert [message["content"] for message in before.page] == said[:2]


@pytest.mark.parametrize("address", [NUMBER, USER])
async def test_the_console_shows_the_person(pool: Pool, address: str) -> None:
    await lived(pool)
    head = HEAD.read(await pool.fetchrow(HEAD.sql, address))
    assert head.phone_number == NUMBER
    shown = [MESSAGES.read(row).content for row in await pool.fetch(MESSAGES.sql, head.id, None, 100)]
    assert {"hola", "Buenas", "soy Ana", "¿y envío?"} <= set(shown)
    done = [STATUS_CHANGES.read(row) for row in await pool.fetch(STATUS_CHANGES.sql, head.id, 10)]
    assert [(each.type, each.by) for each in done] == [("took_over", USER)]


@pytest.mark.parametrize("address", [NUMBER, USER])
async def test_either_address_exports_both(pool: Pool, address: str) -> None:
    await lived(pool)
    kept = await kept_of(pool, address)
    [other] = kept["addresses"]
    assert (kept["phone_number"], other["phone_number"]) == (NUMBER, USER)
    assert "soy Ana" in str(kept["messages"])
    assert [message["content"] for message in other["messages"]] == ["hola", "Buenas", "¿precio?"]


async def test_the_agent_is_told_at_the_number_what_was_said_at_the_id(pool: Pool) -> None:
    """And a message that quotes what was said there has its words."""
    await lived(pool)
    rows = await load_conversations(pool, [NUMBER, USER])
    told = await newest_messages(pool, rows[NUMBER].id, most=20)
    said = ["hola", "Buenas", "¿precio?", "soy Ana", "Cuesta 20", "¿y envío?"]
    assert [message.content for message in told][1:] == said
    [sid] = await pool.fetch(
        "SELECT twilio_message_id AS sid FROM conversation_messages WHERE content = 'Buenas'"
    )
    quoted = (rows[NUMBER].id, sid["sid"])
    assert await quoted_texts(pool, [quoted, (999, sid["sid"])]) == {quoted: "Buenas"}


@pytest.mark.parametrize("text", [USER, "1234567890", "313 853"])
async def test_the_console_finds_the_person_by_any_address(pool: Pool, text: str) -> None:
    await lived(pool)
    rows = [
        CONVERSATIONS.read(row) for row in await pool.fetch(CONVERSATIONS.sql, *Search(text=text).arguments())
    ]
    assert NUMBER in [row.phone_number for row in rows], "that of the id stands beside it, closed"


async def test_a_dead_letter_of_either_address_is_the_persons(pool: Pool) -> None:
    await lived(pool)
    sql = """INSERT INTO conversation_dead_letter
             (id, topic, source_partition, source_offset, phone_number, reason, details, tries, buried_at)
             VALUES ($1, 'inbound-message', 0, 1, $2, 'r', '', 1, now())"""
    for place, key in enumerate((NUMBER, USER, "+573138539199")):
        await pool.execute(sql, f"0-{place}", key)
    for address in (NUMBER, USER):
        keys = [ADDRESSES.read(row).phone_number for row in await pool.fetch(ADDRESSES.sql, address)]
        rows = await pool.fetch(PAGE.sql, "open", None, None, keys, None, None, None, 50)
        assert {PAGE.read(row).phone_number for row in rows} == {NUMBER, USER}


async def test_a_replay_finds_at_the_number_what_came_for_the_id(pool: Pool) -> None:
    found, person = await lived(pool)
    chat = person.chat(NUMBER)
    chat.answer("No llega")
    chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="no", code="63003"))
    await found.save()
    [failed] = [each.event for each in chat.events if isinstance(each.event, TurnFailed)]
    [sid] = failed.answers
    params = {"MessageSid": sid, "From": f"whatsapp:{USER}", "Body": "¿y envío?"}
    event = InboundMessage(event_id=sid, received_at=now(), params=params)
    candidate = read(Record(INBOUND_MESSAGE, 0, 1, b"", event.to_json(), now()))
    [facts] = await Lookup(pool, Wanted(number=(await addresses_of(pool, USER))[0]), None).facts([candidate])
    assert facts is not None
    assert (facts.state, facts.wanted) == ("failed", True)


async def test_erased_at_one_nothing_is_left_of_either(pool: Pool) -> None:
    found, person = await lived(pool)
    person.chat(USER).command("erase")
    await found.save()
    await person.asettle()
    await found.save()
    for table in ("conversation_state", "conversation_messages", "conversation_actor", "conversation_sends"):
        assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 0
    left = await pool.fetch("SELECT phone_number FROM conversation_seen WHERE phone_number <> ''")
    assert [row["phone_number"] for row in left] == []
    assert await addresses_of(pool, USER) == [USER]
