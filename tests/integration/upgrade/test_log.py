"""The log after `migrate`: what had not left leaves first, unchanged; what follows folds to the state."""

import json
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from db.pool import Pool
from rules.codec import published, recorded_of, state_of
from rules.evolve import evolve
from rules.failed_turns import turn_of
from rules.state import Conversation
from schemas.rows import LogRow
from tests.integration.upgrade.conftest import Former, Row, rows_of
from tests.recorded.build_0020.people import Person

_UNPUBLISHED = """SELECT l.* FROM conversation_log l JOIN conversation_publication p USING (partition)
WHERE l.sequence > p.sequence ORDER BY l.partition, l.sequence"""


def _log_row(row: Row) -> LogRow:
    return LogRow(**{name: row[name] for name in ("number", "sequence", "type", "at", "data")})


async def test_what_had_not_left_leaves_first_with_its_numbers_and_words(
    upgraded: Pool, former: Former
) -> None:
    found = [dict(row) for row in await upgraded.fetch(_UNPUBLISHED)]
    waited = former.tables["conversation_outbox"]
    assert waited
    for partition, group in groupby(found, itemgetter("partition")):
        rows = list(group)
        before = [row for row in waited if row["partition"] == partition]
        before.sort(key=itemgetter("conversation_id", "number"))
        leaving = rows[: len(before)]
        values = [
            json.loads(published(_log_row(row), row["phone_number"], row["conversation_id"])[0])
            for row in leaving
        ]
        for value, row in zip(values, before, strict=True):
            value["data"].pop("turn", None)  # kept with a failed turn, which nobody else can tell any more
            assert value | {"at": None} == row["payload"] | {"at": None}
            assert datetime.fromisoformat(value["at"]) == datetime.fromisoformat(row["payload"]["at"])
        assert {row["type"] for row in rows[len(before) :]} >= {"snapshot"}


async def test_numbers_go_on_without_gaps(upgraded: Pool, former: Former) -> None:
    numbers = {row["id"]: row["event_number"] for row in former.tables["conversation_state"]}
    told: dict[int, list[int]] = {}
    for row in await upgraded.fetch("SELECT conversation_id, number FROM conversation_log ORDER BY number"):
        if row["number"] > numbers.get(row["conversation_id"], 0):
            told.setdefault(row["conversation_id"], []).append(row["number"])
    with_events = {identity for identity, number in numbers.items() if number}
    assert with_events <= told.keys()
    for identity in with_events:
        assert told[identity] == list(
            range(numbers[identity] + 1, numbers[identity] + 1 + len(told[identity]))
        )


async def test_the_log_folds_to_the_state_from_its_snapshot_on(upgraded: Pool) -> None:
    log = await upgraded.fetch(
        "SELECT * FROM conversation_log WHERE data->>'schema_version' IS NULL ORDER BY number"
    )
    states: dict[int, Conversation] = {}
    for row in map(dict, log):
        before = states.get(row["conversation_id"], Conversation(key=row["phone_number"]))
        states[row["conversation_id"]] = evolve(before, recorded_of(_log_row(row), row["conversation_id"]))
    actors = await upgraded.fetch("SELECT conversation_id, state::text AS state FROM conversation_actor")
    assert states == {row["conversation_id"]: state_of(row["state"]) for row in actors}


async def test_what_was_kept_for_statistics_is_in_the_log(upgraded: Pool, former: Former) -> None:
    log = {
        (row["conversation_id"], row["number"]): row for row in await rows_of(upgraded, "conversation_log")
    }
    for row in former.tables["conversation_history"]:
        kept = log[row["conversation_id"], row["number"]]
        assert kept["type"] == row["type"]
        assert kept["at"].replace(tzinfo=None) == row["at"]
        assert kept["data"]["schema_version"] == 2
        assert (
            kept["data"]["data"].items()
            >= {name: value for name, value in row["data"].items() if name != "started_at"}.items()
        )


async def test_an_erased_numbers_last_event_leaves_and_nothing_stays(upgraded: Pool) -> None:
    [last] = await upgraded.fetch(
        "SELECT * FROM conversation_log WHERE phone_number = $1", Person.ERASED_UNTOLD
    )
    assert last["type"] == "erased"
    removals = await upgraded.fetch("SELECT conversation_id FROM conversation_removal")
    assert [row[0] for row in removals] == [last["conversation_id"]]


async def test_a_turn_that_failed_is_kept_with_its_event(upgraded: Pool) -> None:
    rows = await upgraded.fetch(
        "SELECT * FROM conversation_log WHERE type = 'failed' ORDER BY conversation_id, number"
    )
    kept = {row["phone_number"]: _log_row(dict(row)).data["data"].get("turn") for row in rows}
    turns = {number: None if turn is None else turn_of(turn) for number, turn in kept.items()}
    refused, held, unasked = (
        turns[each] for each in (Person.REFUSED, Person.HELD_SEND, Person.FAILED_UNASKED)
    )
    assert refused is not None
    assert (refused.event_id, [part.state for part in refused.parts]) == ("conv_0010_1", ["planned"])
    assert held is not None
    assert [part.state for part in held.parts] == ["unknown", "unknown"]
    assert unasked is not None
    assert (unasked.parts, len(unasked.answers)) == ((), 1)
    assert turns[Person.SLOW] is None
