"""Replayed events of which more is wanted than the ordinary path gives: failed turns go on, done ones are done again."""

import structlog

from schemas.phone import masked
from schemas.topics import CALL_COMPLETED
from streams.engine.work import WorkItem
from streams.journal.journal import Journal
from streams.replay.mark import Mark
from streams.turns.runner import Runner

log = structlog.get_logger()


class Revivals:
    """Does what a replay's mark asks for, in the number's mailbox and so in its turn."""

    def __init__(self, journal: Journal, runner: Runner) -> None:
        self._journal = journal
        self._runner = runner

    async def revive(self, item: WorkItem) -> str:
        """Give what it came to: `begun`, `done`, `held`, `suppressed`, `superseded`, `unknown`, `forgotten`.

        Raises:
            Fenced: the partition has a newer owner.
        """
        mark: Mark = item.replayed
        kind = "call" if item.source.topic == CALL_COMPLETED else "message"
        while True:
            begun = await self._journal.revive(
                item.source.partition, item.key, kind, item.value.event_id, mark.replay if mark.wants == "again" else None
            )
            if begun.turn is not None:
                await self._runner.finish(begun.turn)
            if begun.state != "open":  # an earlier turn of the number had to be finished first
                break
        log.info("replayed event", number=masked(item.key), replay=mark.replay, outcome=begun.state)
        return begun.state
