"""After `migrate` everything is still there: for the backend, for operators, for the law."""

from datetime import UTC, datetime
from typing import Any

from db.pool import Pool
from db.queries import load
from db.store.erasures import erasure_key
from schemas.phone import keyed
from tests.integration.upgrade.conftest import Former, Row, rows_of
from tests.recorded.build_0020.people import Person
from tests.support.recorded import said
from tests.support.shape import shape

_gateway = load("gateway")
# What a client wrote behind a waiting turn was kept and is now shown, and so is a message that was proven.
_SHOWN_NOW = {Person.HELD: 3, Person.HELD_STOP: 1, Person.SLOW_BEGUN: 1, Person.REPORTED_SEND: 1}


async def _conversation(pool: Pool, person: Person) -> Any:  # noqa: ANN401 - the API's JSON
    """What `GET /api/conversations/{number}` shows."""
    row = await pool.fetchrow(_gateway.conversation, person, None, None, None)
    if row is None:
        return None
    shown = dict(row)
    shown["messages"] = [
        {name: each[name] for name in ("direction", "content", "timestamp")} for each in shown.pop("page")
    ]
    return shown


async def test_conversations_show_what_they_showed(upgraded: Pool) -> None:
    for person, answer in said()["conversations"].items():
        shown, before = await _conversation(upgraded, person), answer.get("conversation")
        if person not in _SHOWN_NOW:
            assert shown == before, person
            continue
        assert shown["message_count"] == before["message_count"] + _SHOWN_NOW[person]
        assert all(message in shown["messages"] for message in before["messages"])
        changed = {"messages", "message_count", "last_message_at"}
        assert {name: shown[name] for name in shown.keys() - changed} == {
            name: before[name] for name in before.keys() - changed
        }


async def test_the_contracts_tables_keep_their_rows_and_the_backends_columns(
    upgraded: Pool, former: Former
) -> None:
    ours = {"message_count", "last_message_at", "last_inbound_at", "metadata"}
    gone = {"event_number", "meanwhile_from"}
    after = {row["id"]: row for row in await rows_of(upgraded, "conversation_state")}
    before = {row["id"]: row for row in former.tables["conversation_state"]}
    assert after.keys() == before.keys()
    for identity, row in before.items():
        assert row.keys() - after[identity].keys() == gone
        differing = {name for name in row.keys() - gone if row[name] != after[identity][name]}
        assert differing <= (ours if row["phone_number"] in _SHOWN_NOW else set()), row["phone_number"]
    messages = {row["id"]: row for row in await rows_of(upgraded, "conversation_messages")}
    for row in former.tables["conversation_messages"]:
        kept = messages[row["id"]]
        assert {name: kept[name] for name in row if name != "metadata"} == {
            name: row[name] for name in row if name != "metadata"
        }
        assert kept["metadata"].items() >= row["metadata"].items()
    assert {row["crm_note"] for row in messages.values()} == {None, "escrito por el CRM"}


async def test_what_has_no_owner_stays_as_it_is(upgraded: Pool, former: Former) -> None:
    for table in (
        *("conversation_suppression", "conversation_spool", "conversation_replay", "clients"),
        *("conversation_campaign", "conversation_backfill", "conversation_dead_letter_position"),
    ):
        assert sorted(map(str, await rows_of(upgraded, table))) == sorted(map(str, former.tables[table])), (
            table
        )


async def test_who_was_erased_is_known_by_a_key(upgraded: Pool, former: Former) -> None:
    key, before = await erasure_key(upgraded), former.tables["conversation_erasure"]
    assert before
    keyed_ones = [row | {"number_digest": keyed(key, row["number_digest"])} for row in before]
    assert sorted(map(str, await rows_of(upgraded, "conversation_erasure"))) == sorted(map(str, keyed_ones))


async def test_letters_stay_and_those_of_failed_turns_are_all_there(upgraded: Pool, former: Former) -> None:
    after = {row["id"]: row for row in await rows_of(upgraded, "conversation_dead_letter")}
    for row in former.tables["conversation_dead_letter"]:
        assert after[row["id"]] == row | {"mentions": None}, "looked for when somebody looks"
    failed = {
        f"turn-{row['id']}"
        for row in former.tables["conversation_turn"]
        if row["state"] == "failed" and row["error"]["status"] != 409
    }
    assert failed <= after.keys()


async def test_sends_are_found_by_our_id_and_by_twilios(upgraded: Pool, former: Former) -> None:
    turns = {row["id"]: row for row in former.tables["conversation_turn"]}
    after = {row["own_id"]: row for row in await rows_of(upgraded, "conversation_sends")}
    for row in former.tables["conversation_send"]:
        turn, kept = turns[row["turn_id"]], after.pop(row["own_id"])
        same = ("turn_id", "part", "to_address", "body", "content", "tries", "sid", "status", "error_code")
        assert {name: kept[name] for name in same} == {name: row[name] for name in same}
        assert (kept["phone_number"], kept["conversation_id"]) == (
            turn["phone_number"],
            turn["conversation_id"],
        )
        assert (kept["rank"], kept["turn_kind"]) == (row["status_rank"], turn["kind"])
        assert kept["delivered_at"] == _aware(row["delivered_at"])
        is_lost = row["state"] == "intended"
        assert kept["state"] == (row["state"] if not is_lost else "accepted" if row["sid"] else "unknown")
    confirmation = after.popitem()[1]
    assert (after, confirmation["phone_number"]) == ({}, Person.HELD_STOP), "the one that is planned by now"


async def test_every_event_stays_remembered_with_its_outcome(upgraded: Pool, former: Former) -> None:
    seen = {(row["kind"], row["event_id"]): row for row in await rows_of(upgraded, "conversation_seen")}
    before = {(row["kind"], row["event_id"]): row for row in former.tables["conversation_input"]}
    # The replay that waited now has its identity, and so has the failed turn to go on, of no named replay.
    assert {identity.rpartition(":")[0] for _, identity in seen.keys() - before.keys()} == {
        "replay:rp_1",
        "replay:",
    }
    assert before.keys() <= seen.keys()
    assert {key: row["phone_number"] for key, row in before.items()} == {
        key: seen[key]["phone_number"] for key in before
    }
    outcomes = {key: row["outcome"] for key, row in seen.items()}
    assert outcomes["call", "conv_0001_1"]["sid"].startswith(("SM", "MM"))
    assert outcomes["call", "conv_0010_1"]["state"] == "failed"
    assert outcomes["call", "conv_0010_1"]["error"]["status"] == 422
    assert outcomes["call", "conv_0006_2"]["error"]["status"] == 409
    assert outcomes["call", "conv_0011_1"] == {"state": "done", "sid": None}
    assert outcomes["call", "conv_0049_1"] is None
    commands = {key: row["outcome"] for key, row in before.items() if key[0] == "command" and row["outcome"]}
    assert commands
    assert {key: outcomes[key] for key in commands} == commands


async def test_a_file_is_still_found(upgraded: Pool, former: Former) -> None:
    [before] = [row for row in former.tables["conversation_input"] if _has_file(row)]
    marks = await upgraded.fetchval(
        "SELECT metadata FROM conversation_messages WHERE twilio_message_id = $1", before["event_id"]
    )
    assert marks["params"] == before["payload"]["params"]


def _has_file(row: Row) -> bool:
    return bool((row["payload"].get("params") or {}).get("NumMedia", "0") != "0")


def _aware(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=UTC)


async def test_nothing_of_the_former_build_is_left(upgraded: Pool, pool: Pool) -> None:
    """What is there is what an empty database comes to, and the backend's own."""
    ours, found = [{line for line in await shape(each) if not _is_check(line)} for each in (pool, upgraded)]
    assert ours <= found
    assert all("crm_" in line or "clients" in line for line in found - ours)


def _is_check(line: str) -> bool:
    """Out of a dump Postgres prints the casts in it otherwise."""
    return "_check CHECK (" in line
