"""A worker as it runs in production, from its mailboxes to a turn's last step; Kafka, Postgres and vendors are models."""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, cast

from db.pool import Pool
from schemas.errors import Fenced
from schemas.events import InboundMessage
from schemas.settings import Settings
from streams.engine.mailbox import Mailboxes
from streams.engine.work import TopicPartition, WorkItem
from streams.journal.journal import Journal
from streams.journal.ownership import Ownership
from streams.journal.steps import Steps
from streams.journal.turn import Send, Turn
from streams.turns.runner import Runner
from streams.vendors import Vendors
from streams.worker.bursts import Bursts
from streams.worker.engine import WorkerEngine
from streams.worker.handler import Handler
from streams.worker.outbox import Outbox
from streams.worker.reminders import REMINDER, Reminder
from streams.worker.strangers import Strangers
from tests.model.database import Database
from tests.model.outside import EchoAgent, ModelTwilio, Outside

TOPIC = "inbound-message"
Record = tuple[str, InboundMessage]
"""A number, and what it wrote."""


class Worker:
    """`running`: cleared while it is paused. `positions`: what is fetched next; `acknowledged`: what may be committed."""

    def __init__(self, database: Database, outside: Outside, settings: Settings) -> None:
        self.alive = True
        self.running = asyncio.Event()
        self.running.set()
        self.positions: dict[int, int] = {}
        self.acknowledged: dict[int, int] = {}
        self._database = database
        self.epochs: dict[int, int] = {}
        journal = _ModelJournal(self, database)
        twilio = ModelTwilio(outside, database)
        vendors = Vendors(cast(Any, twilio), EchoAgent(outside), cast(Any, None), cast(Any, _NoTyping()), ())
        runner = Runner(settings, journal, vendors)
        handler = Handler(
            settings, journal, runner, cast(Outbox, _NoOutbox()), cast(WorkerEngine, None), cast(Strangers, None),
            Bursts(settings),
        )  # fmt: skip
        self.mailboxes = Mailboxes(handler, self._acknowledge, most_per_topic=4, largest_window=3)
        self._putting: asyncio.Task[bool] | None = None

    def _acknowledge(self, token: tuple[int, int]) -> None:
        partition, offset = token
        assert offset == self.acknowledged[partition], "acknowledged out of order"
        if self.alive:
            self.acknowledged[partition] = offset + 1

    async def assign(self, committed: dict[int, int]) -> None:
        """Own exactly these partitions, from their committed offsets on."""
        self.epochs = {}
        await self.mailboxes.begin_generation()
        self.positions, self.acknowledged = dict(committed), dict(committed)
        self.epochs = {partition: self._database.claim(partition) for partition in committed}

    def fetch(self, partition: int, log: list[Record]) -> None:
        """Hand the next event over; the agent of a topic waits while there is no room."""
        if partition not in self.positions or (self._putting and not self._putting.done()):
            return
        offset = self.positions[partition]
        if offset < len(log):
            self.positions[partition] = offset + 1
            self._putting = asyncio.create_task(self.mailboxes.put(self._item(partition, offset, *log[offset])))

    def _item(self, partition: int, offset: int, number: str, value: object, topic: str = TOPIC) -> WorkItem:
        return WorkItem(
            source=TopicPartition(topic, partition), offset=offset, key=number, value=value, request_id=None,
            generation=self.mailboxes.generation, token=(partition, offset),
        )  # fmt: skip

    def remind(self, partition: int, number: str) -> None:
        """As the reminders do of held turns."""
        self.mailboxes.remind(self._item(partition, -1, number, Reminder(None), REMINDER))

    async def kill(self) -> None:
        """kill -9: nothing of it has any further effect."""
        self.alive = False
        if self._putting:
            self._putting.cancel()
        await self.mailboxes.begin_generation()


class _NoTyping:
    def shown(self, message_sid: str) -> AbstractContextManager[None]:
        return nullcontext()


class _NoOutbox:
    async def flush(self, partition: int) -> None:
        await asyncio.sleep(0)


class _ModelSteps:
    """Each step is a transaction, with the network before and behind it."""

    def __init__(self, worker: Worker, database: Database) -> None:
        self._worker = worker
        self._database = database

    async def run(self, step: str, argument: dict[str, Any]) -> dict[str, Any]:
        await self._network()
        result = self._database.step(step, argument)
        await self._network()
        if result["state"] == "fenced":
            raise Fenced(step)
        return result

    async def _network(self) -> None:
        await asyncio.sleep(0)
        await self._worker.running.wait()
        if not self._worker.alive:
            raise asyncio.CancelledError


class _ModelOwnership:
    """A proof holds for no time at all: what takes seconds in production happens between any two moments here."""

    def __init__(self, worker: Worker, database: Database) -> None:
        self._worker = worker
        self._database = database

    def epoch(self, partition: int) -> int:
        if partition not in self._worker.epochs:
            raise Fenced("not ours")
        return self._worker.epochs[partition]

    def proved(self, partition: int, at: float) -> None:
        return None

    def is_proved(self, partition: int) -> bool:
        return self._database.epochs.get(partition) == self._worker.epochs.get(partition)


class _ModelJournal(Journal):
    """What the journal reads without a step."""

    def __init__(self, worker: Worker, database: Database) -> None:
        steps, ownership = _ModelSteps(worker, database), _ModelOwnership(worker, database)
        super().__init__(cast(Pool, None), cast(Steps, steps), cast(Ownership, ownership))
        self._database = database

    async def history(self, turn: Turn, most: int) -> list[tuple[int, str, str]]:
        return []

    async def known_sids(self, to_address: str, since: datetime) -> set[str]:
        return self._database.known_sids()

    async def sent_sid(self, send: Send) -> str | None:
        return self._database.sid_of(send.own_id)
