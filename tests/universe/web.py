"""A web process: the product's handlers, publisher and spool on a simulated producer and connections."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

from aiohttp import web
from aiokafka.errors import KafkaError
from multidict import CIMultiDict, MultiDict

from clients.kafka.producer import Producer
from schemas.errors import Unavailable
from schemas.settings import Settings
from tests.universe.backfill import gap
from tests.universe.kafka import Headers, Kafka, Place
from tests.universe.postgres import Postgres, Way
from tests.universe.sessions import Listener
from tests.universe.vendors import Twilio
from tests.universe.world import Process
from web.answers import REQUEST_ID, errors_as_json
from web.calls import Calls
from web.commands import Commands
from web.database import Database
from web.gap import BehindGap
from web.kafka_link import KafkaLink
from web.notifications import CALL_OUTCOME, COMMAND_OUTCOME, SPOOL
from web.outcomes import CommandOutcomes, Outcomes
from web.publisher import Publisher
from web.spool import Spool, newest_in_spool
from web.twilio_webhooks import TwilioWebhooks

_AGAIN_SECONDS = 0.1


@dataclass(slots=True, kw_only=True)
class Record:
    """A record on its way to Kafka. `is_there`: it has arrived, as brokers know by a producer's numbers."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    end: "asyncio.Future[None]"
    is_there: bool = False


class IdempotentProducer:
    """Like aiokafka's: it sends a partition's records one by one and gives none up, even if nobody waits."""

    def __init__(self, kafka: Kafka, process: Process) -> None:
        self._kafka, self._process = kafka, process
        self._waiting: dict[Place, deque[Record]] = defaultdict(deque)
        self._sending: set[asyncio.Task[None]] = set()
        self.client = self

    async def send_and_wait(
        self, topic: str, value: bytes, key: bytes, partition: int | None, headers: Headers
    ) -> None:
        end: asyncio.Future[None] = self._process.loop.create_future()
        place = Place(topic, self._kafka.partition_of(key))
        waiting = self._waiting[place]
        waiting.append(Record(topic=topic, key=key, value=value, headers=headers, end=end))
        if len(waiting) == 1:
            task = asyncio.create_task(self._send(waiting))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        await end

    async def _send(self, waiting: deque[Record]) -> None:
        while waiting:
            record = waiting[0]
            try:
                await self._kafka.service.call(
                    self._process, f"send {record.topic}", lambda: self._append(waiting[0])
                )
            except KafkaError:
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            waiting.popleft()
            if not record.end.done():
                record.end.set_result(None)

    def _append(self, record: Record) -> None:
        if not record.is_there:
            record.is_there = True
            self._kafka.append(record.topic, record.key, record.value, record.headers, None)

    async def fetch_all_metadata(self) -> Any:  # noqa: ANN401
        partitions = set(range(self._kafka.partitions))
        found = SimpleNamespace(partitions_for_topic=lambda name: partitions)
        return await self._kafka.service.call(self._process, "metadata", lambda: found)

    async def stop(self) -> None:
        """Do nothing: it is left to itself."""


class SimulatedProducer(Producer):
    """The product's producer, which connects to the simulated brokers."""

    def __init__(self, settings: Settings, kafka: Kafka, process: Process) -> None:
        super().__init__(settings)
        self._simulated: Any = IdempotentProducer(kafka, process)

    async def _connected(self) -> Any:  # noqa: ANN401
        if self._producer is None:
            await self._simulated.fetch_all_metadata()
            self._producer = self._simulated
        return self._producer


class Link(KafkaLink):
    """The product's link with a simulated producer. It does not ask whether we may use the topics."""

    def __init__(self, settings: Settings, kafka: Kafka, process: Process) -> None:
        super().__init__(settings)
        self._producer = SimulatedProducer(settings, kafka, process)
        self._is_allowed = True


class Watched(Database):
    """The product's database. `failures`: looks that Postgres did not answer."""

    failures = 0

    async def quick_value(self, sql: str, *arguments: object) -> Any:  # noqa: ANN401
        try:
            return await super().quick_value(sql, *arguments)
        except Unavailable:
            self.failures += 1
            raise


class WatchedSpool(Spool):
    """The product's spool.

    `blind` is told of keys for which it did not learn whether something waits: no order is kept for them.
    """

    def __init__(self, database: Watched, blind: Callable[[str], None]) -> None:
        super().__init__(database)
        self._watched, self._blind = database, blind

    async def holds(self, key: str, beside: Sequence[str] = ()) -> bool:
        former = self._watched.failures
        found = await super().holds(key, beside)
        if not found and self._watched.failures > former:
            self._blind(key)
        return found


class Request(dict[Any, Any]):
    """What a handler sees of a request."""

    def __init__(
        self, path: str, body: bytes, kind: str, headers: Mapping[str, str], phone: str, number: int
    ) -> None:
        super().__init__({REQUEST_ID: f"r{number}"})
        self.path, _, query = path.partition("?")
        self.raw_path, self.method, self.transport = path, "POST", None
        self.scheme, self.host, self.charset = "https", "wa.example.com", "utf-8"
        self.headers: CIMultiDict[str] = CIMultiDict(headers)
        self.content_type, self.content_length = kind, len(body)
        self.query = MultiDict([query.split("=", 1)] if query else [])  # type: ignore[list-item]
        self.match_info = {"phone": phone}
        self.content = SimpleNamespace(iter_any=lambda: _chunks(body))


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    yield body


Handler = Callable[[Any], Awaitable[web.StreamResponse]]


class Web:
    """A web process. `handlers`: by what is posted; present once it serves."""

    def __init__(
        self,
        settings: Settings,
        kafka: Kafka,
        postgres: Postgres,
        twilio: Twilio,
        process: Process,
        blind: Callable[[str], None],
    ) -> None:
        self._settings, self._kafka, self._postgres, self.process = settings, kafka, postgres, process
        self._twilio = twilio
        self._blind = blind
        self.handlers: dict[str, Handler] = {}

    async def main(self) -> None:
        """Run as in `web.run`."""
        settings, process = self._settings, self.process
        pool: Any = Way(self._postgres, process)
        database, link = Watched(pool), Link(settings, self._kafka, process)
        outcomes, commands = Outcomes(database), CommandOutcomes(database)
        spool = WatchedSpool(database, self._blind)
        publisher = Publisher(link, spool)
        heard = {CALL_OUTCOME: outcomes.heard, COMMAND_OUTCOME: commands.heard, SPOOL: spool.heard}
        listener = Listener(lambda channel, payload: heard[channel](payload), spool.listening)
        while True:
            try:
                await publisher.begin()
                break
            except Unavailable:  # such a start fails and is repeated
                await asyncio.sleep(_AGAIN_SECONDS)
        self._postgres.listeners.keep(process, listener)
        missed = gap(settings, self._kafka, self._twilio, process, database, publisher)
        behind_gap = BehindGap(publisher, missed)
        hooks = TwilioWebhooks(settings, behind_gap, process.world.datetime)
        self.handlers = {
            "incoming": hooks.incoming,
            "status": hooks.status,
            "calls": Calls(settings, behind_gap, outcomes).post,
            "commands": Commands(
                behind_gap,
                commands,
                settings.outcome_wait_seconds,
                now=process.world.datetime,
                spooled_until=partial(newest_in_spool, database),
            ).post,
        }
        missed.listening()
        sides: Sequence[Awaitable[None]] = (
            publisher.work(),
            outcomes.watch(),
            commands.watch(),
            missed.watch(),
        )
        await asyncio.wait(
            [asyncio.ensure_future(each) for each in sides], return_when=asyncio.FIRST_COMPLETED
        )
        process.world.violated(f"{process.name}: a side task has ended")

    async def answer(self, name: str, request: Request) -> tuple[int, str]:
        """Return the status and the text that a request is answered with."""
        response: Any = await errors_as_json(request, self.handlers[name])  # type: ignore[arg-type]
        return response.status, response.text or ""
