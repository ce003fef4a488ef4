"""Runs conversations' effects: a drain cuts off those that only wait, and unforeseen failures are judged."""

import asyncio
from collections import defaultdict, deque
from statistics import quantiles
from typing import Any

from mailboxes.ports import Refused, Verdict
from rules.effects import Effect
from rules.inputs import Input
from schemas.errors import Fenced
from streams.actors.effects.performer import Performer
from streams.actors.rejections import Rejections
from streams.actors.values import Job, Told

# A drain holds up everybody whose partition is reassigned: hundreds of clients for one request that hangs. So
# it waits twice as long as 19 of 20 of a kind took lately; what takes longer most likely hangs.
_LATELY = 400
_TWENTIETHS = 20
_TIMES = 2
# What has just begun may end, however quick the others were.
_LEAST_SECONDS = 2.0


class EffectRunner:
    """Runner of effects: `await runner.run(key, effect)` is what the key is told of one."""

    def __init__(self, performer: Performer, rejections: Rejections) -> None:
        self._performer = performer
        self._rejections = rejections
        self._running: dict[asyncio.Task[Any], tuple[Job, float]] = {}
        self._took: dict[type[Effect], deque[float]] = defaultdict(lambda: deque(maxlen=_LATELY))

    async def run(self, key: str, effect: Job) -> Told:
        """Run an effect, and return what its key is told.

        Raises:
            Fenced: the key is not ours any more.
            Refused: many numbers' effects fail alike.
        """
        task = asyncio.current_task()
        assert task is not None, "an effect is a task"
        now = asyncio.get_running_loop().time
        self._running[task] = effect, (begun := now())
        try:
            told = Told(given=await self._performed(key, effect))
        finally:
            del self._running[task]
        self._took[type(effect.effect)].append(now() - begun)
        return told

    def abandon(self, *, also_asked: bool = False) -> None:
        """Cut off what only waits: the next owner loses nothing by starting it again.

        `also_asked`: cut off all that leaves nothing to find out about, as there is a next owner already.
        """
        self._performer.abandon()
        for task, (effect, _) in self._running.items():
            if effect.only_waits or (also_asked and effect.cancellable):
                task.cancel()

    def worth_waiting(self, cap: float) -> float:
        """Return how many seconds a drain waits for what runs; `cap` if few of its kind have ended yet."""
        kinds = {type(job.effect) for job, _ in self._running.values() if not job.only_waits}
        return max((self._usual(kind, cap) for kind in kinds), default=_LEAST_SECONDS)

    def _usual(self, kind: type[Effect], cap: float) -> float:
        took = self._took[kind]
        if len(took) < _TWENTIETHS:
            return cap
        return min(cap, max(_LEAST_SECONDS, _TIMES * quantiles(took, n=_TWENTIETHS)[-1]))

    def oldest_seconds(self) -> float | None:
        """Return for how long the oldest effect that does more than wait has been under way."""
        now = asyncio.get_running_loop().time()
        begun = [at for job, at in self._running.values() if not job.only_waits]
        return round(now - min(begun), 3) if begun else None

    async def _performed(self, key: str, effect: Job) -> Input:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._performer.perform(key, effect.effect)
            except Fenced:
                raise
            except Exception as error:  # noqa: BLE001 - judged like what a message comes to
                if (verdict := await self._rejections(key, None, error, attempt)) is Verdict.STOP:
                    raise Refused(verdict) from error
                await asyncio.sleep(self._rejections.longest_wait if verdict is Verdict.SKIP else 0)
