"""A shard: one key's queue, and the actor that handles it."""

import asyncio
from collections import deque
from contextvars import Context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic

from mailboxes.ports import E, KeyWrite, M, Outcome, Refused, S, Step, Verdict, W
from mailboxes.watermark import WorkItem

if TYPE_CHECKING:
    from mailboxes.shards import Shards

_MOST_CONFLICTS = 3  # in a row; even one is a surprise: a store resolves lost acknowledgements itself


@dataclass(slots=True, eq=False)
class Shard(Generic[S, M, E, W]):
    """One key's queue and actor. `state` is ahead of the store by what is `decided`."""

    home: "Shards[S, M, E, W]"
    key: str
    partition: int
    epoch: int
    open_work: int = 1  # the load
    size: int = 0
    state: S = field(init=False)
    loaded: bool = False
    inbox: deque[WorkItem[M]] = field(default_factory=deque)
    decided: list[tuple[WorkItem[M], Step[S, E, W]]] = field(default_factory=list)
    write_id: str = ""  # while a write is in flight
    solo: bool = False  # one message per write, to find the one that fails
    attempts: int = 0
    life: asyncio.Task[None] | None = None
    timer: tuple[float, asyncio.Handle | None] = (float("inf"), None)  # uvloop's handles do not tell when
    fired: float | None = None  # the due time that the key was woken for

    def unsettled(self) -> list[WorkItem[M]]:
        return [*(item for item, _ in self.decided), *self.inbox]

    def tell(self, *items: WorkItem[M]) -> None:
        """Have messages handled. Those that come before a write begins go with it, the rest follow."""
        self.inbox.extend(items)
        if self.life is None or self.life.done():
            self.life = asyncio.create_task(self._live(), context=Context())
        elif self.decided and not self.write_id and not self.solo:
            self._decide()

    def begin_write(self) -> KeyWrite[W]:
        """Return the write of all that is decided; the same one again until its outcome is known."""
        self.write_id = self.write_id or self.home.new_id()
        writes = tuple(step.write for _, step in self.decided if step.write is not None)
        return KeyWrite(self.key, self.partition, self.epoch, self.write_id, writes)

    async def _live(self) -> None:
        with self.home.guard(self.partition):
            while self.inbox or not self.loaded:
                try:
                    if not self.loaded:
                        self.state = await self.home.loads.submit(self)
                        self.inbox.appendleft(self.home.recovered(self.key))
                        self.loaded = True
                    written = self._decide()
                    if written is not None and await written is not Outcome.WRITTEN:
                        raise Refused(written.result())
                except Exception as error:  # noqa: BLE001 - judged by the host
                    await self._failed(error)
                else:
                    self._durable()
        self.home.rest(self)

    def _decide(self) -> "asyncio.Future[Outcome] | None":
        """Handle what is there, up to what raises: its turn comes once those before it are durable."""
        while self.inbox and not (self.solo and self.decided):
            try:
                step = self.home.behaviour.handle(self.state, self.inbox[0].message, self.home.clock())
            except Exception:
                if not self.decided:
                    raise
                break
            self.state = step.state
            self.decided.append((self.inbox.popleft(), step))
        writing = [step for _, step in self.decided if step.write is not None]
        if begins := len(writing) == 1 and not self.attempts:  # an effect may read what was written before
            self.home.begin(self, writing[0].eager)
        may_wait = all(step.patient and (begins or not step.eager) for step in writing)
        return self.home.commits.submit(self, may_wait) if writing else None

    def _durable(self) -> None:
        decided, self.decided, self.write_id = self.decided, [], ""
        for item, _ in decided:
            self.home.finish(self.key, item)
        if not all(item.recovers for item, _ in decided):
            self.attempts, self.solo = 0, self.solo and bool(self.inbox)
        self.home.reconcile(self)
        self._arm()

    async def _failed(self, error: Exception) -> None:
        """Have messages that failed together decided again one by one; have one that failed alone judged."""
        company, unsettled = len(self.decided), self.unsettled()
        self.attempts, self.solo = self.attempts + 1, self.solo or company > 1
        self.inbox = deque(item for item in unsettled if not item.recovers)
        self.decided, self.write_id, self.loaded = [], "", False
        if error.args == (Outcome.FENCED,):
            raise error
        if company > 1 or (error.args == (Outcome.CONFLICT,) and self.attempts <= _MOST_CONFLICTS):
            return
        item = next((each for each in unsettled if not each.recovers), None)
        ruling = await self.home.host.rejected(self.key, item.message if item else None, error, self.attempts)
        if ruling is Verdict.STOP:
            raise Refused(ruling) from error
        if item is None and ruling is not Verdict.RETRY:
            self.home.forget(self)
        elif item is not None and ruling is Verdict.SKIP:
            self.attempts, self.inbox = 0, deque(each for each in self.inbox if each is not item)
            self.home.finish(self.key, item)
        elif item is not None and not isinstance(ruling, Verdict):
            item.message = ruling

    def _arm(self) -> None:
        """Wake the key if it is due, else set the timer: earlier at once, later when it fires."""
        due, now, loop = self.home.behaviour.due(self.state), self.home.clock(), asyncio.get_running_loop()
        if due is None or due == self.fired:
            return
        if due <= now:
            self.fired = due
            self.home.tell(self.key, self.partition, WorkItem(self.home.behaviour.woken(now)))
        elif due < self.timer[0]:
            if self.timer[1] is not None:
                self.timer[1].cancel()
            self.timer = due, loop.call_later(due - now, self._fire)

    def _fire(self) -> None:
        self.timer = (float("inf"), None)
        with self.home.guard(self.partition):
            self._arm()
