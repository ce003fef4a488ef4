"""What the tables must hold after a history: the projected rows, and a log that folds to the state."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from db.pool import Pool
from rules.codec import event_of
from rules.events import Recorded
from rules.evolve import evolve
from rules.state import Conversation
from tests.model.number import Number
from tests.support.tables import OF_A_CONVERSATION, OF_A_MESSAGE

Row = Mapping[str, Any]


async def compare(pool: Pool, numbers: Iterable[Number]) -> None:
    """Compare every table with what the rules projected in memory."""
    found = await _Found.read(pool)
    for number in numbers:
        tables, key = number.chat.tables, number.key
        _same(tables.conversations, found.conversations[key], OF_A_CONVERSATION)
        _same(tables.messages, found.messages[key], OF_A_MESSAGE)
        for own_id, row in tables.sends.items():
            _same({own_id: row}, {own_id: found.sends[key][own_id]}, row)
        assert tables.sends.keys() == found.sends[key].keys()
        assert {event for event, whose in tables.seen.items() if whose} == found.seen[key].keys()
        for event, outcomes in tables.outcomes.items():
            assert not tables.seen[event] or found.seen[key][event] == outcomes[-1]
        assert (tables.suppressed is not None) == (key in found.suppressed)
        assert tables.posts == found.posts[key]
        _fold(number, found.log[key])


class _Found:
    """The stored rows by number."""

    def __init__(self) -> None:
        self.conversations: defaultdict[str, dict[int, Row]] = defaultdict(dict)
        self.messages: defaultdict[str, dict[int, Row]] = defaultdict(dict)
        self.sends: defaultdict[str, dict[str, Row]] = defaultdict(dict)
        self.seen: defaultdict[str, dict[tuple[str, str], Any]] = defaultdict(dict)
        self.posts: defaultdict[str, dict[int, Any]] = defaultdict(dict)
        self.log: defaultdict[str, list[Row]] = defaultdict(list)
        self.suppressed: set[str] = set()

    @classmethod
    async def read(cls, pool: Pool) -> "_Found":
        found, whose = cls(), dict[int, str]()
        for row in await pool.fetch("SELECT * FROM conversation_state"):
            found.conversations[row["phone_number"]][row["id"]] = row
            whose[row["id"]] = row["phone_number"]
        for row in await pool.fetch("SELECT * FROM conversation_messages"):
            found.messages[whose[row["conversation_id"]]][row["id"]] = row
        for row in await pool.fetch("SELECT * FROM conversation_sends"):
            found.sends[row["phone_number"]][str(row["own_id"])] = row
        for row in await pool.fetch("SELECT * FROM conversation_seen"):
            found.seen[row["phone_number"]][row["kind"], row["event_id"]] = row["outcome"]
        for row in await pool.fetch("SELECT * FROM conversation_backend_posts"):
            found.posts[row["phone_number"]][row["number"]] = row["payload"]
        for row in await pool.fetch("SELECT * FROM conversation_log ORDER BY partition, sequence"):
            found.log[row["phone_number"]].append(row)
        found.suppressed = {
            row[0] for row in await pool.fetch("SELECT phone_number FROM conversation_suppression")
        }
        return found


def _same(expected: Mapping[Any, Row], stored: Mapping[Any, Row], names: Iterable[str]) -> None:
    assert expected.keys() == stored.keys()
    for key, row in expected.items():
        for name in set(names) & row.keys():
            assert _plain(row[name]) == _plain(stored[key][name]), (name, row[name], stored[key][name])


def _plain(value: object) -> object:
    """Make a value comparable: the contract's times have no zone and are UTC."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return str(value) if isinstance(value, UUID) else value


def _fold(number: Number, log: list[asyncpg.Record | Row]) -> None:
    """Check that the log has no gaps and folds to the state. Of what was erased it keeps only one event."""
    newest = [row for row in log if row["conversation_id"] == log[-1]["conversation_id"]] if log else []
    if number.chat.state.id is None:
        return
    state = Conversation(key=number.key)
    for place, row in enumerate(newest, start=1):
        assert row["number"] == place, "a gap in the log"
        event = event_of(row["type"], row["data"]["data"])
        recorded = Recorded(
            conversation_id=row["conversation_id"], number=row["number"], at=row["at"], event=event
        )
        state = evolve(state, recorded)
    known = number.chat.state
    # An opt-out survives an erasure; the log does not.
    assert replace(state, opt_out=known.opt_out) == known, "the fold of the log is another state"
