"""Postgres: the service's tables, and the statements of `db/sql/store.sql` by their names.

`Way` is a process's pool: `db.store` runs on it unchanged. What a statement does is written here by hand,
with the rules that the real one keeps.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

import db.store.append
from db.queries import load
from db.store.statement import Statement, statement
from tests.universe.appending import append
from tests.universe.backfilled import Looks
from tests.universe.builds import Adds, as_it_is
from tests.universe.failed import Replays
from tests.universe.gateway import Gateway
from tests.universe.network import Service
from tests.universe.retention import Retention
from tests.universe.rows import Row, Tables
from tests.universe.sessions import Connection, Listeners, Session
from tests.universe.statistics import Statistics
from tests.universe.world import Process, World

NAMES = {
    getattr(load(file), name): name
    for file in ("store", "erasures", "retention", "gateway", "stats", "replay", "addresses")
    for name in load(file).names()
} | {getattr(load("backfill"), name): f"backfill_{name}" for name in load("backfill").names()}
# The name is taken by an attribute.
_OTHERWISE = {"clock": "tell_clock"}
_APPENDS: dict[str, tuple[str, ...]] = {}


def _known(tables: frozenset[str]) -> Statement:
    """Remember which statement writes what, since its text does not tell."""
    found = statement(tables)
    _APPENDS[found.text] = found.arguments
    return found


db.store.append.statement = _known  # type: ignore[assignment]


def name_of(text: str) -> str:
    return "append" if text in _APPENDS else NAMES[text]


def names_of(text: str) -> tuple[str, ...]:
    """Return the argument names of a statement that writes."""
    return _APPENDS[text]


class Claimed(NamedTuple):
    at: float
    owner: str
    epoch: int


class Postgres(Gateway, Statistics, Replays, Retention, Looks):
    """The server.

    Attributes:
        clock: Seconds by which it differs from the world's.
        clashes: How groups are refused now, if they are.
        heard: Called with each statement.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.tables = Tables()
        self.clock = 0.0
        self.clashes: Callable[[int], Exception | None] = lambda size: None
        self.heard: Callable[[str, Sequence[Any]], None] = lambda text, arguments: None
        self.claims: defaultdict[int, list[Claimed]] = defaultdict(list)
        self.service: Service[Any] = Service(
            world, "postgres", ConnectionRefusedError, lambda: asyncpg.ConnectionDoesNotExistError("cut off")
        )
        self.listeners = Listeners(world, self.service)
        self._locks: dict[int, Session] = {}

    def now(self) -> datetime:
        return self.world.datetime(self.clock)

    def execute(self, text: str, arguments: Sequence[Any]) -> list[Row]:
        self.heard(text, arguments)
        if (names := _APPENDS.get(text)) is not None:
            values = dict(zip(names, arguments, strict=True))
            if (clash := self.clashes(len(values["place"]))) is not None:
                self.world.counts[f"fault: postgres {type(clash).__name__}"] += 1
                raise clash
            places = append(self.tables, values, self.now())
            self.world.note("written", places)
            self._notify_outcomes(values, places)
            return [Row(place=place) for place in places]
        name = NAMES[text]
        rows: list[Row] = getattr(self, _OTHERWISE.get(name, name))(*arguments)
        return rows

    def notify(self, channel: str, payload: str) -> None:
        self.listeners.notify(channel, payload)

    def _notify_outcomes(self, values: dict[str, Any], places: list[int]) -> None:
        told = zip(*(values.get(f"notify_{name}", ()) for name in ("place", "kind", "event_id")), strict=True)
        for place, kind, event_id in told:
            if place in places:
                self.notify(f"{kind}_outcome", event_id)

    def lock(self, number: int, session: Session) -> bool:
        """Take a lock unless another session holds it."""
        held = self._locks.get(number)
        if held is None or held is session or held.is_gone(self.world.now):
            self._locks[number] = session
            return True
        return False

    # Actors.

    def refused(
        self, places: list[int], phones: list[str], partitions: list[int], writes: list[UUID]
    ) -> list[Row]:
        return [self._refused(*each) for each in zip(places, phones, partitions, writes, strict=True)]

    def _refused(self, place: int, phone: str, partition: int, write_id: UUID) -> Row:
        actor, row = self.tables.actors.get(phone), self.tables.conversation_of(phone)
        owner = self.tables.partitions.get(partition)
        is_ours = (actor is not None and actor["write_id"] == write_id) or write_id in self.tables.removals
        return Row(
            place=place,
            epoch=owner["epoch"] if owner else 0,
            version=actor["version"] if actor else 0,
            row_id=row["id"] if row else None,
            is_ours=is_ours,
        )

    def actors(self, phones: Sequence[str]) -> list[Row]:
        return [self._actor(phone) for phone in phones]

    def _actor(self, phone: str) -> Row:
        actor = self.tables.actors.get(phone)
        row = self.tables.conversation_of(phone) if actor is None else None
        known = self.tables.suppressions.get(phone)
        found = actor or Row(
            phone_number=phone,
            partition=None,
            conversation_id=None,
            version=0,
            state=None,
            is_open=None,
            due_at=None,
        )
        return Row(
            {name: value for name, value in found.items() if name != "write_id"},
            row_id=row["id"] if row else None,
            source=known["source"] if known else None,
            event_id=known["event_id"] if known else None,
            since=known["since"] if known else None,
        )

    def open_actors(self, partition: int, after: str, most: int) -> list[Row]:
        found = sorted(
            phone
            for phone, row in self.tables.actors.items()
            if row["is_open"] and row["partition"] == partition and phone > after
        )
        return [Row(self._actor(phone), row_id=None) for phone in found[:most]]

    def due_actors(self, partition: int, at: datetime, phone: str, most: int) -> list[Row]:
        now = self.now()
        found = sorted(
            (row["due_at"], row["phone_number"])
            for row in self.tables.actors.values()
            if row["due_at"] is not None and row["partition"] == partition and row["due_at"] <= now
        )
        return [Row(phone_number=name, due_at=due) for due, name in found if (due, name) > (at, phone)][:most]

    def conversations(self, phones: Sequence[str]) -> list[Row]:
        rows = (self.tables.conversation_of(phone) for phone in dict.fromkeys(phones))
        return [Row(row) for row in rows if row is not None]

    # Look-ups.

    def seen(self, kinds: Sequence[str], ids: Sequence[str]) -> list[Row]:
        found = (self.tables.seen.get(key) for key in zip(kinds, ids, strict=True))
        return [
            Row((name, row[name]) for name in ("kind", "event_id", "at", "outcome")) for row in found if row
        ]

    def sends_by_own_id(self, own_ids: Sequence[UUID]) -> list[Row]:
        return [Row(self.tables.sends[own_id]) for own_id in own_ids if own_id in self.tables.sends]

    def sends_by_sid(self, sids: Sequence[str]) -> list[Row]:
        return [Row(row) for row in self.tables.sends.values() if row["sid"] in sids]

    def newest_sends(self, phones: Sequence[str], most: int) -> list[Row]:
        def place(row: Row) -> tuple[datetime, int, UUID]:
            return row["planned_at"], row["part"], row["own_id"]

        found: list[Row] = []
        for phone in phones:
            found += sorted(self.tables.sends_of(phone), key=place)[-most:]
        return [Row(row) for row in sorted(found, key=place)]

    def sent_sids(self, phones: Sequence[str]) -> list[Row]:
        sent = [row for phone in phones for row in self.tables.sends_of(phone)]
        return [Row(sid=row["sid"]) for row in sent if row["sid"] is not None]

    def quotes(self, conversations: Sequence[int], sids: Sequence[str]) -> list[Row]:
        found, rows = list[Row](), sorted(self.tables.messages.values(), key=lambda row: row["id"])
        for of, sid in zip(conversations, sids, strict=True):
            person = {of, *self._said_to_be_merged_into(of)}
            quoted = [
                row for row in rows if row["twilio_message_id"] == sid and row["conversation_id"] in person
            ]
            found += [Row(conversation_id=of, sid=sid, content=quoted[0]["content"])] if quoted else []
        return found

    def _said_to_be_merged_into(self, conversation_id: int) -> list[int]:
        if (row := self.tables.conversations.get(conversation_id)) is None:
            return []
        others = self.tables.conversations.values()
        return [
            each["id"]
            for each in others
            if (each["metadata"] or {}).get("merged_into") == row["phone_number"]
        ]

    def newest_messages(
        self, conversation_id: int, until: int, without: Sequence[int], most: int
    ) -> list[Row]:
        of = {conversation_id, *self._merged_into(conversation_id)}
        found = [
            Row((name, row[name]) for name in ("id", "direction", "content", "sent_at", "metadata"))
            for row in self.tables.messages.values()
            if row["conversation_id"] in of and row["id"] <= until and row["id"] not in without
        ]
        return sorted(found, key=lambda row: (row["sent_at"], row["id"]), reverse=True)[:most]

    def _merged_into(self, conversation_id: int) -> list[int]:
        """Return the conversations of a person's other addresses."""
        row = self.tables.conversations.get(conversation_id)
        others = [] if row is None else self.others(row["phone_number"])
        rows = (self.tables.conversation_of(each) for each in others)
        merged = (
            each
            for each in rows
            if each
            # Without a row there are no others.
            and (each["metadata"] or {}).get("merged_into") == row["phone_number"]  # type: ignore[index]
        )
        return [each["id"] for each in merged]

    def message_ids(self, phones: Sequence[str], sids: Sequence[str]) -> list[Row]:
        found: list[Row] = []
        for phone, sid in zip(phones, sids, strict=True):
            row = self.tables.conversation_of(phone)
            ids = [
                each["id"]
                for each in self.tables.messages.values()
                if row is not None
                and each["conversation_id"] == row["id"]
                and each["twilio_message_id"] == sid
            ]
            found += [Row(phone_number=phone, sid=sid, id=max(ids))] if ids else []
        return found

    def failed_turns(self, phones: Sequence[str]) -> list[Row]:
        return [row for phone in phones for row in self._failed_turns(phone)]

    def _failed_turns(self, phone: str) -> list[Row]:
        actor, found = self.tables.actors.get(phone), list[Row]()
        sends = self.tables.sends_of(phone)
        for row in self.tables.log_of(actor["conversation_id"]) if actor else ():
            turn = row["data"]["data"].get("turn") if row["type"] == "failed" else None
            if turn is None:
                continue
            of_turn = [send for send in sends if send["turn_id"] == turn["id"]]
            if not any(send["state"] in ("refused", "held") for send in of_turn):
                continue
            superseded = self.is_superseded(phone, turn["id"])
            accepted = [str(send["own_id"]) for send in of_turn if send["state"] == "accepted"]
            found.append(
                Row(
                    phone_number=phone,
                    number=row["number"],
                    turn=turn,
                    accepted=accepted,
                    superseded=superseded,
                )
            )
        return found

    def first_follow_ups(self, batches: Sequence[str], recipients: Sequence[str]) -> list[Row]:
        found: list[Row] = []
        for batch, recipient in zip(batches, recipients, strict=True):
            for row in self.tables.conversations.values():
                if (row["batch_id"], row["recipient_id"]) == (batch, recipient):
                    seen = self.tables.seen.get(("call", row["elevenlabs_conversation_id"]))
                    sid = ((seen or {}).get("outcome") or {}).get("sid")
                    found += [Row(batch_id=batch, recipient_id=recipient, sid=sid)] if sid else []
        return found

    def backend_post(self, conversation_id: int, number: int) -> list[Row]:
        row = self.tables.posts.get((conversation_id, number))
        return [] if row is None else [Row(payload=row["payload"])]

    def restored_at(self) -> list[Row]:
        return [Row(timezone=None)]

    def tell_clock(self) -> list[Row]:
        return [Row(clock_timestamp=self.now())]

    def campaign_slot(self, batch_id: str, pace: timedelta) -> list[Row]:
        now = self.now()
        after = max(self.tables.campaigns.get(batch_id, now), now) + pace
        self.tables.campaigns[batch_id] = after
        return [Row(timezone=after - pace)]

    def erasure_key(self) -> list[Row]:
        return [Row(key=b"universe")]

    # Owners and publication.

    def claim(self, partitions: Sequence[int], owner: str, claim_id: UUID) -> list[Row]:
        found: list[Row] = []
        for partition in partitions:
            former = self.tables.partitions.get(partition)
            epoch = 1 if former is None else former["epoch"] + (former["claim_id"] != claim_id)
            claimed = Row(
                partition=partition, epoch=epoch, owner=owner, claim_id=claim_id, claimed_at=self.world.now
            )
            if former is not None and former["epoch"] == epoch:
                claimed["claimed_at"] = former["claimed_at"]
            self.tables.partitions[partition] = claimed
            if former is None or former["epoch"] != epoch:
                self.claims[partition].append(Claimed(self.world.now, owner, epoch))
            found.append(Row(partition=partition, epoch=epoch))
        self.world.note("claimed", owner, [tuple(row.values()) for row in found])
        return found

    def positions(self, partitions: Sequence[int]) -> list[Row]:
        found: list[Row] = []
        for partition in partitions:
            published = self.tables.publication.get(partition, 0)
            newest = max((key[1] for key in self.tables.sequences if key[0] == partition), default=0)
            found.append(Row(partition=partition, published=published, sequence=max(published, newest)))
        return found

    def still_owned(self, partitions: Sequence[int], epochs: Sequence[int]) -> list[Row]:
        owners = self.tables.partitions
        ours = (
            p
            for p, epoch in zip(partitions, epochs, strict=True)
            if p in owners and owners[p]["epoch"] == epoch
        )
        return [Row(partition=partition) for partition in ours]

    def give_back(self, partitions: Sequence[int], epochs: Sequence[int]) -> list[Row]:
        for row in self.still_owned(partitions, epochs):
            self.tables.partitions[row["partition"]]["owner"] = ""
        return []

    def unpublished(self, partition: int, after: int, most: int) -> list[Row]:
        found = sorted(key for key in self.tables.sequences if key[0] == partition and key[1] > after)
        return [Row(self.tables.log[self.tables.sequences[key]]) for key in found[:most]]

    def published(
        self, partitions: Sequence[int], epochs: Sequence[int], sequences: Sequence[int]
    ) -> list[Row]:
        reached, ours = dict(zip(partitions, sequences, strict=True)), self.still_owned(partitions, epochs)
        for row in ours:
            partition = row["partition"]
            for removal in self.tables.removals.values():
                if removal["partition"] == partition and removal["conversation_id"] is not None:
                    self._forget_log(removal, partition, reached[partition])
            self.tables.publication[partition] = max(
                self.tables.publication.get(partition, 0), reached[partition]
            )
        return ours

    def _forget_log(self, removal: Row, partition: int, sequence: int) -> None:
        of = removal["conversation_id"]
        for row in self.tables.log_of(of):
            if row["partition"] == partition and row["sequence"] <= sequence:
                del self.tables.log[of, row["number"]]
                del self.tables.sequences[partition, row["sequence"]]
        if not any(row["sequence"] > sequence for row in self.tables.log_of(of)):
            removal["conversation_id"] = None

    # Ids.

    def next_ids(self, name: str, count: int) -> list[tuple[int]]:
        first = self.tables.counters.get(name, 0) + 1
        self.tables.counters[name] = first + count - 1
        return list(zip(range(first, first + count)))

    def sequence_of(self, table: str, column: str) -> list[Row]:
        return [Row(pg_get_serial_sequence=f"{table}_{column}_seq")]


def _told(text: str, arguments: Sequence[Any]) -> str:
    """Return a statement's name; for one that writes, with what it writes about conversations."""
    if (names := _APPENDS.get(text)) is None:
        return NAMES[text]
    types = arguments[names.index("log_type")] if "log_type" in names else ()
    return " ".join(["append", *sorted(set(types))])


class Way:
    """A process's pool of connections. `adds`: how what it writes differs from this build's."""

    def __init__(self, postgres: Postgres, process: Process, adds: Adds = as_it_is) -> None:
        self._postgres, self._process, self._adds = postgres, process, adds

    async def fetch(self, text: str, *arguments: object) -> list[Row]:
        return await self._run(text, arguments)

    async def fetchrow(self, text: str, *arguments: object) -> Row | None:
        rows = await self._run(text, arguments)
        return rows[0] if rows else None

    async def fetchval(self, text: str, *arguments: object) -> Any:  # noqa: ANN401
        rows = await self._run(text, arguments)
        return rows[0][0] if rows else None

    async def execute(self, text: str, *arguments: object) -> Any:  # noqa: ANN401
        """Return what Postgres says of it, if the statement tells that."""
        rows = await self._run(text, arguments)
        return rows[0][0] if rows else None

    def is_closing(self) -> bool:
        return False

    async def expire_connections(self) -> None:
        """Do nothing: each statement has its own connection."""

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        yield Connection(self._postgres, self._process)

    async def _run(self, text: str, arguments: Sequence[Any]) -> list[Row]:
        name = _told(text, arguments)
        if (names := _APPENDS.get(text)) is not None:
            arguments = self._adds(names, arguments)
        found: list[Row] = await self._postgres.service.call(
            self._process, name, lambda: self._postgres.execute(text, arguments)
        )
        return found
