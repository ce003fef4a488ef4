"""What a fenced owner alone knows of a send: its new owner is told by a delivery report of ours."""

from collections.abc import Callable
from datetime import datetime

from clients.kafka.producer import Producer
from rules.inputs import SendAccepted
from schemas.events import MessageStatus
from schemas.settings import Settings
from schemas.topics import MESSAGE_STATUS


class OrphanedSends:
    """Publishes `message-status` with our own id and the vendor's."""

    def __init__(self, settings: Settings, producer: Producer, now: Callable[[], datetime]) -> None:
        self._now = now
        self._from = settings.twilio_whatsapp_from
        self._producer = producer

    async def tell(self, key: str, accepted: SendAccepted) -> None:
        """Say that the vendor has a message."""
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
