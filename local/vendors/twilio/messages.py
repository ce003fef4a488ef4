"""The messages of a simulated Twilio account: its ledger, and Twilio's JSON of each."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

Json = dict[str, Any]
API_VERSION = "2010-04-01"


@dataclass(slots=True, kw_only=True)
class Message:
    """A message in either direction. `status`: Twilio's."""

    sid: str
    to: str
    from_: str
    body: str
    direction: str
    status: str
    created: datetime
    media: list[str] = field(default_factory=list)
    error_code: int | None = None
    own_id: str | None = None

    def as_json(self, account: str) -> Json:
        """Give Twilio's JSON (dates RFC 2822 with `+0000`, numbers as texts)."""
        uri = f"/{API_VERSION}/Accounts/{account}/Messages/{self.sid}"
        date = format_datetime(self.created)
        return {
            "sid": self.sid, "account_sid": account, "api_version": API_VERSION, "body": self.body, "to": self.to,
            "from": self.from_, "direction": self.direction, "status": self.status, "date_created": date,
            "date_updated": date, "date_sent": date if self.direction == "inbound" else None,
            "error_code": self.error_code, "error_message": None, "messaging_service_sid": None,
            "num_media": str(len(self.media)), "num_segments": "1", "price": None, "price_unit": None,
            "uri": f"{uri}.json", "subresource_uris": {"media": f"{uri}/Media.json"},
        }  # fmt: skip


def new_sid(prefix: str = "SM") -> str:
    """Give an id of Twilio's form."""
    return prefix + secrets.token_hex(16)


class Ledger:
    """All messages in the order in which they came to be: the oracle of tests and of the demo."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._by_sid: dict[str, Message] = {}

    def add(self, message: Message) -> Message:
        self.messages.append(message)
        self._by_sid[message.sid] = message
        return message

    def get(self, sid: str) -> Message | None:
        return self._by_sid.get(sid)

    def listed(self, to: str | None, from_: str | None, until: datetime) -> list[Message]:
        """Give messages as the list shows them: newest first, none younger than the list's lag."""
        return [
            message
            for message in reversed(self.messages)
            if (to is None or message.to == to) and (from_ is None or message.from_ == from_) and message.created <= until
        ]

    def clear(self) -> None:
        self.messages.clear()
        self._by_sid.clear()


def now() -> datetime:
    return datetime.now(UTC)
