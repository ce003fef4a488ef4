"""Hands what ElevenLabs says of a call to its conversation's owner: nobody else writes a conversation."""

import hashlib
from collections.abc import Callable
from datetime import datetime

from db.readers.backfill import LACKS_DETAILS
from schemas.commands import NOTE_DETAILS, ConversationCommand, NotedDetails
from schemas.documents import now
from schemas.elevenlabs_call import CallDetails
from schemas.topics import CONVERSATION_COMMAND
from web.conversations import Rows
from web.publisher import Publishing

_BY = "elevenlabs"


class DetailsPublisher:
    """Publishes details of calls that lack them."""

    def __init__(self, publisher: Publishing, database: Rows, now: Callable[[], datetime] = now) -> None:
        self._publisher = publisher
        self._database = database
        self._now = now

    async def publish(self, call_id: str, known: CallDetails, request_id: str) -> bool:
        """Publish what is known of a call; return False if no conversation lacks it."""
        number = await self._database.row(LACKS_DETAILS, call_id)
        if number is None:
            return False
        command = command_of(number, call_id, known, self._now())
        await self._publisher.publish(CONVERSATION_COMMAND, command.key, command.to_json(), request_id)
        return True


def command_of(number: str, call_id: str, known: CallDetails, at: datetime) -> ConversationCommand:
    """Return the command; the same details have the same id.

    Raises:
        InvalidInput: the details do not belong to a call.
    """
    details = NotedDetails.from_object(
        {
            "call_id": call_id,
            "summary": known.summary,
            "duration_secs": known.duration_secs,
            "kept": known.kept(),
        }
    )
    told = f"{call_id}:{known.summary}:{known.duration_secs}"
    digest = hashlib.sha256(told.encode()).hexdigest()
    return ConversationCommand(
        command_id=f"details-{digest}",
        phone_number=number,
        command=NOTE_DETAILS,
        by=_BY,
        at=at,
        details=details,
    )
