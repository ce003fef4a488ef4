"""Replayed events of which more is wanted than the ordinary path gives: failed turns go on, done ones are done again."""

import structlog

from schemas.phone import masked
from schemas.topics import CALL_COMPLETED
from streams.engine.work import WorkItem
from streams.journal.journal import Begun, Journal
from streams.replay.mark import Mark
from streams.turns.runner import Runner

log = structlog.get_logger()


class Revivals:
    """Does what a replay's mark asks for, in the number's mailbox and so in its turn."""

    def __init__(self, journal: Journal, runner: Runner) -> None:
        self._journal = journal
        self._runner = runner

    async def revive(self, item: WorkItem) -> str:
        """Do what a replayed event asks for; gives what it came to, see `again`."""
        mark: Mark = item.replayed
        kind = "call" if item.source.topic == CALL_COMPLETED else "message"
        replay = mark.replay if mark.wants == "again" else None
        begun = await self.again(item.source.partition, item.key, kind, item.value.event_id, replay)
        log.info("replayed event", number=masked(item.key), replay=mark.replay, outcome=begun.state)
        return begun.state

    async def again(self, partition: int, number: str, kind: str, event_id: str, replay: str | None) -> Begun:
        """Go on with a failed turn, or with a replay do the event once more.

        States: `begun`, `done`, `held` (the journal has it wait until the number is free), `suppressed`, `superseded`,
        `unknown`, `forgotten` (a call that is to begin like a new one).

        Raises:
            Fenced: the partition has a newer owner.
        """
        while True:
            begun = await self._journal.revive(partition, number, kind, event_id, replay)
            if begun.turn is not None:
                await self._runner.finish(begun.turn)
            if begun.state != "open":  # an earlier turn of the number had to be finished first
                return begun
