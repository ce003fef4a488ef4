"""The messages of the simulated Twilio: its ledger, and Twilio's JSON for each."""

import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from local.vendors.twilio.errors import words_of

Json = dict[str, Any]
API_VERSION = "2010-04-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A file."""

    sid: str
    content_type: str
    #: What a client sent.
    data: bytes = b""
    #: Where it was sent from.
    url: str = ""


@dataclass(slots=True, kw_only=True)
class Message:
    """A message in either direction."""

    sid: str
    account: str
    to: str
    from_: str
    body: str
    direction: str
    #: Twilio's status.
    status: str
    created: datetime
    #: Twilio's `date_sent`.
    sent: datetime | None = None
    media: list[Media] = field(default_factory=list)
    error_code: int | None = None
    #: The `mid` in its callback URL.
    own_id: str | None = None
    content_sid: str | None = None
    content_variables: dict[str, str] = field(default_factory=dict)
    messaging_service: str | None = None

    def as_json(self) -> Json:
        """Return Twilio's JSON (RFC 2822 dates with `+0000`, numbers as strings)."""
        uri = f"/{API_VERSION}/Accounts/{self.account}/Messages/{self.sid}"
        date = format_datetime(self.created)
        words = words_of(self.error_code) if self.error_code else None
        return {
            "sid": self.sid,
            "account_sid": self.account,
            "api_version": API_VERSION,
            "body": self.body,
            "to": self.to,
            "from": self.from_,
            "direction": self.direction,
            "status": self.status,
            "date_created": date,
            "date_updated": date,
            "date_sent": format_datetime(self.sent) if self.sent else None,
            "error_code": self.error_code,
            "error_message": words,
            "messaging_service_sid": self.messaging_service,
            "num_media": str(len(self.media)),
            "num_segments": "1",
            "price": None,
            "price_unit": None,
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }

    def row(self) -> Json:
        """Return the ledger's row."""
        return {
            "sid": self.sid,
            "to": self.to,
            "from": self.from_,
            "body": self.body,
            "direction": self.direction,
            "status": self.status,
            "created": self.created.isoformat(),
            "own_id": self.own_id,
            "account": self.account,
            "error_code": self.error_code,
            "content_sid": self.content_sid,
            "content_variables": self.content_variables,
            "media": [one.url or one.content_type for one in self.media],
        }


def new_sid(prefix: str = "SM") -> str:
    """Return an id in Twilio's format."""
    return prefix + secrets.token_hex(16)


def now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """All messages in the order in which they were created: the oracle of the tests and the demo."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._by_sid: dict[str, Message] = {}
        self._by_to: dict[str, list[Message]] = defaultdict(list)
        self._by_from: dict[str, list[Message]] = defaultdict(list)

    def add(self, message: Message) -> Message:
        self.messages.append(message)
        self._by_sid[message.sid] = message
        self._by_to[message.to].append(message)
        self._by_from[message.from_].append(message)
        return message

    def get(self, sid: str) -> Message | None:
        return self._by_sid.get(sid)

    def remove(self, message: Message) -> None:
        """Delete a message from what Twilio shows; the ledger itself forgets nothing."""
        self._by_sid.pop(message.sid, None)
        self._by_to[message.to].remove(message)
        self._by_from[message.from_].remove(message)

    def shown(self, to: str | None, from_: str | None) -> list[Message]:
        """Return the messages that are not deleted, oldest first, of the given addresses if any."""
        if to is not None and from_ is not None:
            return min(self._by_to.get(to, []), self._by_from.get(from_, []), key=len)
        if to is not None:
            return self._by_to.get(to, [])
        return self._by_from.get(from_, []) if from_ is not None else list(self._by_sid.values())

    def clear(self) -> None:
        self.messages.clear()
        for index in (self._by_sid, self._by_to, self._by_from):
            index.clear()
