"""A number is erased: all that is left is its opt-out, bare ids, and its one event until it is published."""

import hashlib
import json
from dataclasses import replace

import pytest

from db.migrate import migrate
from db.migrations.run import run_scripts
from db.pool import Pool, create_pool
from db.store.append import append
from db.store.erasures import erased_at, erasure_key
from db.store.load import load
from db.store.ownership import claim
from db.store.personal_data import ERASED, IMPERSONAL, KEPT, PLACES, TOPICS
from db.store.publication import advance, forget_removals
from db.store.write import Written
from db.versions import FORMER_TABLE, LAST_OF_FUNCTIONS
from rules.state import Conversation
from schemas.phone import number_digests
from schemas.rows import BackendPost, Erasure, Outcome, SuppressionChange
from schemas.settings import load_settings
from schemas.topics import ALL_TOPICS
from streams.actors.store import CannotBeWritten
from tests.support.chat import NUMBER
from tests.support.person import AT, Person, later
from tests.support.servers import ROOT
from tests.support.stored_chat import outside, stored_chat, whole_chat

_OWN_ID = "7f0e9f5a-4a4e-4a60-9d40-1f3f3c1c9c11"


async def every_table(pool: Pool) -> set[str]:
    rows = await pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    return {row["tablename"] for row in rows}


async def where_it_stands(pool: Pool, *words: str) -> set[str]:
    """Every table in which one of these words still stands anywhere."""
    found = set()
    for table in await every_table(pool):
        rows = await pool.fetch(f"SELECT to_jsonb(t) AS row FROM {table} t")
        text = json.dumps([row["row"] for row in rows], ensure_ascii=False)
        found |= {table for word in words if word in text}
    return found


async def _chat(pool: Pool, person: Person) -> None:
    post = BackendPost(
        conversation_id=person.id, number=1, phone_number=person.phone, payload={"who": "secreto"}
    )
    wish = SuppressionChange(phone_number=person.phone, source="client", event_id="SM1", since=AT)
    outcome = Outcome(kind="message", event_id=f"SM{person.id}", outcome={"who": "secreto"})
    person.state = {"who": "secreto"}
    own_id = _OWN_ID[:-1] + str(person.id)
    await person.append(
        pool,
        person.begins(client_name="secreto"),
        person.seen(f"SM{person.id}"),
        outcome,
        wish,
        post,
        person.message(person.id, content="secreto"),
        person.send(own_id, body="secreto"),
    )
    await outside(pool, person.phone)


async def test_every_table_is_known_to_hold_personal_data_or_none(pool: Pool) -> None:
    lists = [*ERASED, *KEPT, *IMPERSONAL]
    assert sorted(await every_table(pool)) == sorted(lists)


def test_every_topic_is_known_to_hold_personal_data() -> None:
    assert set(ALL_TOPICS) == TOPICS


def test_every_place_is_exported_and_has_an_end() -> None:
    sql = (ROOT / "db" / "sql" / "export.sql").read_text()
    for table, place in PLACES.items():
        assert table in sql
        assert f"'{place.exported_as}'," in sql
        assert place.ends


async def test_nothing_is_left_but_its_opt_out_and_bare_ids(pool: Pool, ana: Person, luis: Person) -> None:
    await _chat(pool, ana)
    await _chat(pool, luis)
    done = Outcome(kind="command", event_id="k1", outcome={"state": "done"})
    erasure = Erasure(conversation_id=ana.id, phone_number=ana.phone, at=later(days=1))
    before = ana.changes(status="closed"), ana.message(7), ana.seen("k1", "command")
    await ana.append(pool, *before, erasure, done, state=None)
    assert await where_it_stands(pool, ana.phone) == {"conversation_log", "conversation_suppression"}
    assert (
        await pool.fetchval("SELECT count(*) FROM conversation_log WHERE phone_number = $1", ana.phone) == 1
    )
    seen = await pool.fetch(
        "SELECT event_id, outcome FROM conversation_seen WHERE phone_number = '' ORDER BY event_id"
    )
    assert [tuple(row) for row in seen] == [("SM1", None), ("k1", {"state": "done"})]
    digests = number_digests(await erasure_key(pool), ana.phone)
    kept_digests = [
        row["number_digest"] for row in await pool.fetch("SELECT number_digest FROM conversation_erasure")
    ]
    assert sorted(kept_digests) == sorted(digests)
    kept = {table for table in await where_it_stands(pool, luis.phone) if "erasure" not in table}
    assert kept >= {"conversation_state", "conversation_actor", "conversation_sends", "conversation_spool"}


async def test_who_a_former_build_erased_stays_erased(
    empty_database_url: str, ana: Person, luis: Person
) -> None:
    await run_scripts(empty_database_url, LAST_OF_FUNCTIONS, FORMER_TABLE)
    pool = await create_pool(load_settings({}, database_url=empty_database_url))
    try:
        plain = hashlib.sha256(ana.phone.encode()).hexdigest()
        await pool.execute("INSERT INTO conversation_erasure VALUES ($1, $2)", plain, AT.replace(tzinfo=None))
        await migrate(empty_database_url)
        assert await erased_at(pool, [ana.phone, luis.phone]) == {ana.phone: AT.replace(tzinfo=None)}
        assert await pool.fetchval("SELECT number_digest FROM conversation_erasure") != plain
    finally:
        await pool.close()


@pytest.mark.parametrize(("until", "left"), [(0, "a1 l1 a2"), (1, "l1 a2"), (3, "l1"), (None, "l1")])
async def test_what_was_spooled_after_it_was_asked_for_stays(
    pool: Pool, ana: Person, luis: Person, until: int | None, left: str
) -> None:
    await ana.append(pool, ana.begins())
    for name, person in (("a1", ana), ("l1", luis), ("a2", ana)):
        await pool.execute(
            "INSERT INTO conversation_spool (topic, key, value) VALUES ('t', $1, $2)",
            person.phone,
            name.encode(),
        )
    erasure = Erasure(conversation_id=1, phone_number=ana.phone, at=AT, spooled_until=until)
    await ana.append(pool, erasure, state=None)
    rows = await pool.fetch("SELECT value FROM conversation_spool ORDER BY id")
    assert " ".join(row["value"].decode() for row in rows) == left


async def test_a_command_that_was_seen_before_keeps_its_outcome(pool: Pool, ana: Person) -> None:
    await ana.append(pool, ana.begins(), ana.seen("k1", "command"))
    done = Outcome(kind="command", event_id="k1", outcome={"state": "done"})
    await ana.append(pool, Erasure(conversation_id=1, phone_number=ana.phone, at=AT), done, state=None)
    found = await pool.fetch("SELECT phone_number, outcome FROM conversation_seen")
    assert [tuple(row) for row in found] == [("", {"state": "done"})]


async def test_its_event_goes_once_it_is_published(pool: Pool, ana: Person, luis: Person) -> None:
    await luis.append(pool, luis.begins())
    await ana.append(pool, ana.begins())
    write = await ana.append(pool, Erasure(conversation_id=1, phone_number=ana.phone, at=AT), state=None)
    sequence = write.log[0].sequence

    async def events() -> list[int]:
        rows = await pool.fetch("SELECT conversation_id FROM conversation_log")
        return sorted(row["conversation_id"] for row in rows)

    await advance(pool, {0: 1}, {0: sequence - 1})
    assert await events() == [1, 2]
    await forget_removals(pool)
    assert await pool.fetchval("SELECT count(*) FROM conversation_removal") == 1
    await advance(pool, {0: 1}, {0: sequence})
    assert await events() == [2]
    assert await where_it_stands(pool, ana.phone) == set()


async def test_a_number_that_only_the_backend_knows_is_erased(pool: Pool, ana: Person) -> None:
    made = (
        "INSERT INTO conversation_state (phone_number, elevenlabs_conversation_id, agent_id)"
        " VALUES ($1, 'c', 'a')"
    )
    await pool.execute(made, ana.phone)
    gone = ana.write(Erasure(conversation_id=1, phone_number=ana.phone, at=AT), state=None)
    assert await append(pool, [gone]) == [Written(version=0)]
    assert await pool.fetchval("SELECT count(*) FROM conversation_state") == 0


async def test_an_erased_number_begins_anew_under_another_id(pool: Pool, ana: Person) -> None:
    await ana.append(pool, ana.begins())
    await ana.append(pool, Erasure(conversation_id=1, phone_number=ana.phone, at=AT), state=None)
    again = Person(id=2)
    assert (await load(pool, [ana.phone]))[ana.phone].conversation_id is None
    await again.append(pool, again.begins())
    await claim(pool, {0}, "other")
    assert await pool.fetchval("SELECT count(*) FROM conversation_log") == 2


async def test_what_the_rules_erase_is_gone_from_every_place(pool: Pool) -> None:
    chat = await whole_chat(pool)
    assert await where_it_stands(pool, NUMBER, "secreto") == ERASED.keys() | {"conversation_suppression"}
    chat.command("erase", command_id="k1")
    await chat.save()
    assert await where_it_stands(pool, NUMBER, "secreto") == {"conversation_log", "conversation_suppression"}
    [event] = await pool.fetch(
        "SELECT type, data->'data' AS data, data->'state' AS state FROM conversation_log"
    )
    assert tuple(event) == ("erased", {"command_id": "k1"}, {})
    kept = await pool.fetchval("SELECT outcome FROM conversation_seen WHERE event_id = 'k1'")
    assert kept == {"command": "erase", "state": "done", "changed": True}
    await advance(
        pool, {0: chat.epoch}, {0: await pool.fetchval("SELECT max(sequence) FROM conversation_log")}
    )
    assert await where_it_stands(pool, NUMBER, "secreto") == {"conversation_suppression"}


async def test_a_message_that_waits_for_its_call_goes_too(pool: Pool) -> None:
    chat = await stored_chat(pool)
    chat.write("un secreto")
    await chat.save()
    assert "conversation_log" in await where_it_stands(pool, "secreto")
    chat.command("erase")
    await chat.save()
    assert await where_it_stands(pool, NUMBER, "secreto") == {"conversation_log"}
    assert await where_it_stands(pool, "secreto") == set()


async def test_an_erased_number_is_one_that_nobody_knows_but_for_its_opt_out(pool: Pool) -> None:
    chat = await whole_chat(pool)
    chat.command("erase")
    await chat.save()
    assert chat.store is not None
    [actor] = (await chat.store.load([NUMBER])).values()
    assert replace(actor.state, opt_out=None) == Conversation(key=NUMBER)
    assert (actor.state.opt_out, actor.stored.version) == (chat.state.opt_out, 0)


async def test_what_begins_after_an_erasure_is_a_write_of_its_own(pool: Pool) -> None:
    """The mailbox gathers what comes in one go; what fails in company it writes one by one."""
    chat = await whole_chat(pool)
    assert chat.store is not None
    chat.command("erase")
    chat.write("ALTA")
    [refused] = await chat.store.append([chat.key_write()])
    assert isinstance(refused, CannotBeWritten)
    assert "conversation_actor" in await where_it_stands(pool, NUMBER)
