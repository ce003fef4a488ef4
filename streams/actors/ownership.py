"""Which partitions are ours, by epoch, and how recently that was proven."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

import structlog

from clients.kafka.producer import Producer
from db.pool import Pool
from db.store.ownership import Claim, claim, prove, release
from rules.inputs import SendAccepted
from schemas.errors import Fenced
from schemas.events import MessageStatus
from schemas.settings import Settings
from schemas.topics import MESSAGE_STATUS
from streams.engine.membership import SESSION_TIMEOUT_SECONDS, Membership

log = structlog.get_logger()

# Until the session timeout has passed, nobody else can have been given our partitions.
PROOF_SECONDS = SESSION_TIMEOUT_SECONDS / 3
# For what such a proof allowed and then had to wait for a connection.
LEAVES_SECONDS = 2 * PROOF_SECONDS
# With one more statement's 10 s under the rebalance timeout (30 s), after which the broker evicts us anyway.
_CLAIM_SECONDS = 15.0


class Ownership:
    """The epochs of this process. A process that was paused keeps old ones, and its writes are refused.

    `steady`: seconds that keep counting while the machine sleeps; `partition_of`: a key's partition.
    """

    def __init__(
        self,
        pool: Pool,
        owner: str,
        partition_of: Callable[[str], int],
        steady: Callable[[], float] = time.monotonic,
        membership: Membership | None = None,
    ) -> None:
        self.membership = membership or Membership(steady)
        self._pool = pool
        self._owner = owner
        self._partition_of = partition_of
        self._steady = steady
        self._proved_at: dict[int, float] = {}
        self._proving: asyncio.Future[None] | None = None
        self.epochs: dict[int, int] = {}

    async def claim(self, partitions: set[int]) -> dict[int, Claim]:
        """Claim exactly these partitions, waiting for what their former owners are writing.

        Raises:
            TimeoutError: Postgres did not answer for longer than a group may wait for a member.
        """
        self.lose()
        async with asyncio.timeout(_CLAIM_SECONDS):
            at = self._steady()
            claims = await claim(self._pool, partitions, self._owner)
        self.epochs = {partition: each.epoch for partition, each in claims.items()}
        self._proved_at = dict.fromkeys(claims, at)
        log.info("partitions claimed", partitions=sorted(partitions))
        return claims

    def lose(self) -> None:
        """Own nothing until the next claim."""
        self.epochs, self._proved_at = {}, {}

    async def give_back(self) -> None:
        """Release our partitions at an orderly end."""
        epochs = dict(self.epochs)
        self.lose()
        if epochs:
            await release(self._pool, epochs)

    def proved(self, partition: int, at: float) -> None:
        """Note that a write that began at `at` found the partition ours."""
        if partition in self.epochs:
            self._proved_at[partition] = max(at, self._proved_at.get(partition, at))

    def epoch_of(self, key: str) -> int:
        """Return the epoch under which a key is ours; 0 if it is not."""
        return self.epochs.get(self._partition_of(key), 0)

    async def confirm(self, key: str, since: int | None = None) -> None:
        """Make sure that a key is ours, right before something irreversible; mostly this is already known.

        Args:
            since: the epoch under which that was decided. A partition that left and came back had another
                owner, who may have done it.

        Raises:
            Fenced: its partition has, or has had, a newer owner.
        """
        partition = self._partition_of(key)
        while True:
            epoch = self.epochs.get(partition)
            if epoch is None or since not in (None, epoch):
                raise Fenced(f"partition {partition} is not ours")
            if self._is_proved(partition):
                return
            await self._prove()

    async def confirm_member(self, key: str) -> None:
        """Confirm a key before a question: no epoch holds it back, so another owner may be asking it now.

        Raises:
            Fenced: see `confirm`.
        """
        await self.confirm(key)
        while not self.membership.is_sure:
            await self.membership.until_sure()
            await self.confirm(key)

    def may_leave(self, key: str, epoch: int) -> bool:
        """Return whether what was confirmed under an epoch may still be done.

        A process that stood still meanwhile, or waited for a connection, may have lost the key.
        """
        partition = self._partition_of(key)
        return self.epochs.get(partition) == epoch and self._age(partition) < LEAVES_SECONDS

    @property
    def partitions(self) -> list[int]:
        return sorted(self.epochs)

    def _is_proved(self, partition: int) -> bool:
        return self._age(partition) < PROOF_SECONDS

    def _age(self, partition: int) -> float:
        return self._steady() - self._proved_at.get(partition, float("-inf"))

    async def _prove(self) -> None:
        """Run one statement over all partitions for everyone who asks at the same time.

        Never wait for one that has ended: who keeps asking for a newer one would never let go of the loop.
        """
        if self._proving is None or self._proving.done():
            self._proving = asyncio.ensure_future(self._prove_all())
        await asyncio.shield(self._proving)

    async def _prove_all(self) -> None:
        epochs, at = dict(self.epochs), self._steady()
        ours = await prove(self._pool, epochs)
        for partition, epoch in epochs.items():
            if self.epochs.get(partition) != epoch:
                continue
            if partition in ours:
                self.proved(partition, at)
            else:
                del self.epochs[partition]


class OrphanedSends:
    """Sends of which only a fenced owner knows the outcome.

    The new owner is told by a delivery report of ours: a `message-status` with our own id and the vendor's.
    """

    def __init__(self, settings: Settings, producer: Producer, now: Callable[[], datetime]) -> None:
        self._now = now
        self._from = settings.twilio_whatsapp_from
        self._producer = producer

    async def tell(self, key: str, accepted: SendAccepted) -> None:
        """Report that the vendor has a message."""
        params = {
            "MessageSid": accepted.sid,
            "MessageStatus": "accepted",
            "From": self._from,
            "To": f"whatsapp:{key}",
        }
        event_id = f"{accepted.sid}:accepted"
        report = MessageStatus(
            event_id=event_id, received_at=self._now(), params=params, own_id=accepted.own_id
        )
        await self._producer.send(MESSAGE_STATUS, key.encode(), report.to_json())
