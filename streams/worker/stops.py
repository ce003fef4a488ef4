"""A STOP counts when it arrives: answers that are being made meanwhile are not sent any more."""

import asyncpg
import structlog

from schemas.events import InboundMessage
from streams.conversation.keywords import Keywords
from streams.journal.journal import Journal

log = structlog.get_logger()


class Stops:
    """Looks at each message on its way to its mailbox."""

    def __init__(self, journal: Journal, keywords: Keywords) -> None:
        self._journal = journal
        self._keywords = keywords

    async def look(self, message: InboundMessage) -> None:
        """Record a STOP at once; its turn in the mailbox tells and confirms it."""
        intent = self._keywords.intent(message.params)
        if intent is None or intent.kind != "stop":
            return
        try:
            await self._journal.stop_arrived(message.key, message.event_id, message.received_at)
        except asyncpg.PostgresError:  # its turn will do it
            log.exception("a stop could not be recorded at once")
