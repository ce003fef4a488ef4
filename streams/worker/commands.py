"""Operators' commands, in the order of their number."""

import structlog

from schemas.events import ConversationCommand
from schemas.phone import masked
from schemas.settings import Settings
from streams.journal.journal import Journal
from streams.turns.runner import Runner

log = structlog.get_logger()


class Commands:
    """Does commands. Their outcome stands in the journal, for whoever waits for it."""

    def __init__(self, settings: Settings, journal: Journal, runner: Runner) -> None:
        # The first message's template would say something else than the operator wrote.
        self._reopens = settings.twilio_reopen_content_sid is not None
        self._journal = journal
        self._runner = runner

    async def run(self, partition: int, command: ConversationCommand, request_id: str | None, *, sure: bool) -> bool:
        """Do a command; False when its number has no conversation, though one may be on its way (not `sure`).

        Raises:
            Fenced: the partition has a newer owner.
        """
        has_template = command.content_sid is not None or self._reopens
        while True:
            begun = await self._journal.begin_command(partition, command, request_id, has_template=has_template, sure=sure)
            if begun.turn is None:
                break
            await self._runner.finish(begun.turn)
        log.info("command taken", command=command.command, state=begun.state, number=masked(command.key))
        return begun.state != "unknown"
