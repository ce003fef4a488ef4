"""A replay of a window: planned, published again at a rate, and remembered so that it can be resumed."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import structlog
from aiolimiter import AsyncLimiter

from clients.kafka.producer import Producer
from db.pool import Pool
from db.readers import replays
from schemas.replay_mark import Mark
from schemas.settings import Settings
from schemas.topics import REQUEST_ID_HEADER, request_id_of
from streams.replay.candidates import Candidate, Wanted, read
from streams.replay.lookup import Lookup
from streams.replay.plan import PUBLISHED, Mode, Only, Outcome, Plan, decide, wants
from streams.replay.reader import Reader
from streams.replay.window import Window

log = structlog.get_logger()

Progress = Callable[[int], None]
# Publishing half a second's worth at once keeps a slow replay smooth and a fast one's round trips few.
_CHUNKS_A_SECOND = 2
_LARGEST_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be replayed. `rate`: events per second."""

    topic: str
    window: Window
    mode: Mode
    only: Only = None
    wanted: Wanted = Wanted()
    rate: float = 100.0


class Session:
    """One replay.

    Args:
        identity: what it is remembered by, and marks its events with.
        positions: where to go on, by partition; empty if it is new.
        ends: where it ends, by partition; empty until it is planned. What comes later was not confirmed,
            and done `again` it would be answered twice.
    """

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        order: Order,
        identity: str,
        positions: dict[int, int],
        ends: dict[int, int],
    ) -> None:
        self._settings = settings
        self._pool = pool
        self.order = order
        self.identity = identity
        self._positions = positions
        self.ends = ends
        self._lookup = Lookup(pool, order.wanted, identity if order.mode == "again" else None)

    def reader(self) -> Reader:
        """Return a reader of what is left of the window."""
        return Reader(self._settings, self.order.topic, self.order.window, self._positions, self.ends)

    async def plan(self, reader: Reader, progress: Progress) -> Plan:
        """Read the window and return what would happen; nothing is written."""
        self.ends, plan = reader.ends, Plan()
        async for decided in self._decided(reader):
            for candidate, outcome in decided:
                plan.add(outcome, candidate.client)
            progress(len(decided))
        return plan

    async def publish(self, reader: Reader, producer: Producer, progress: Progress) -> Plan:
        """Publish what the plan says, and return what was done. It is remembered chunk by chunk."""
        plan = Plan()
        limiter = AsyncLimiter(max(self.order.rate, 1.0), max(1.0, 1.0 / self.order.rate))
        size = max(1, min(_LARGEST_CHUNK, int(self.order.rate / _CHUNKS_A_SECOND)))
        async for decided in self._decided(reader):
            for place in range(0, len(decided), size):
                chunk = decided[place : place + size]
                chosen = [each for each in chunk if each[1] in PUBLISHED]
                for _ in chosen:
                    await limiter.acquire()
                await producer.send_marked(self.order.topic, [self._record(*each) for each in chosen])
                await self._remember(chunk, len(chosen))
                for candidate, outcome in chunk:
                    plan.add(outcome, candidate.client)
                progress(len(chunk))
        await replays.end(self._pool, self.identity)
        return plan

    async def _decided(self, reader: Reader) -> AsyncIterator[list[tuple[Candidate, Outcome]]]:
        async for records in reader.batches():
            candidates = [read(record, self._settings.country) for record in records]
            facts = await self._lookup.facts(candidates)
            yield [
                (candidate, "unreadable")
                if fact is None
                else (replace(candidate, person=fact.person), decide(self.order.mode, self.order.only, fact))
                for candidate, fact in zip(candidates, facts, strict=True)
            ]

    def _record(self, candidate: Candidate, outcome: Outcome) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
        record = candidate.record
        identity = request_id_of(record.headers)
        kept = [(REQUEST_ID_HEADER, identity.encode())] if identity else []
        mark = Mark(self.identity, wants(outcome), record.origin, record.at)
        return candidate.key.encode(), record.value or b"", [*kept, mark.header()]

    async def _remember(self, chunk: list[tuple[Candidate, Outcome]], published: int) -> None:
        """Remember the offsets before which all has been looked at; per partition, chunks come in order."""
        positions = {candidate.record.partition: candidate.record.offset + 1 for candidate, _ in chunk}
        await replays.advance(self._pool, self.identity, positions, published)
