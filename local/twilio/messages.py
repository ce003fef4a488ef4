"""The messages of a simulated account, and Twilio's JSON of each."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

Json = dict[str, Any]
API_VERSION = "2010-04-01"
# Twilio's order; callbacks may come in any, a message's own status never goes back.
_RANK = {"queued": 0, "sending": 1, "sent": 2, "delivered": 3, "read": 4, "undelivered": 5, "failed": 5}


@dataclass(slots=True, kw_only=True)
class Message:
    """A message in either direction. `answered`: how its create was answered (`201`, or the fault's name)."""

    sid: str
    to: str
    from_: str
    body: str
    direction: str
    status: str
    created: datetime
    media: list[str] = field(default_factory=list)
    sent_at: datetime | None = None
    error_code: int | None = None
    error_message: str | None = None
    own_id: str | None = None
    content_sid: str | None = None
    answered: str | None = None
    deleted: bool = False

    @property
    def client(self) -> str:
        """The client's address, whichever direction."""
        return self.from_ if self.direction == "inbound" else self.to

    def advance(self, status: str) -> None:
        """Take a status unless a further one was reached."""
        if _RANK.get(status, 0) > _RANK.get(self.status, 0):
            self.status = status
            self.sent_at = self.sent_at or now()

    def as_json(self, account: str) -> Json:
        """Give Twilio's JSON (dates RFC 2822 with `+0000`, numbers as texts)."""
        uri = f"/{API_VERSION}/Accounts/{account}/Messages/{self.sid}"
        date = format_datetime(self.created)
        return {
            "sid": self.sid, "account_sid": account, "api_version": API_VERSION, "body": self.body,
            "to": self.to, "from": self.from_, "direction": self.direction, "status": self.status,
            "date_created": date, "date_updated": date,
            "date_sent": format_datetime(self.sent_at) if self.sent_at else None,
            "error_code": self.error_code, "error_message": self.error_message, "messaging_service_sid": None,
            "num_media": str(len(self.media)), "num_segments": "1", "price": None, "price_unit": None,
            "uri": f"{uri}.json", "subresource_uris": {"media": f"{uri}/Media.json"},
        }  # fmt: skip

    def as_row(self, seq: int) -> Json:
        """Give the ledger's row."""
        return {
            "seq": seq, "sid": self.sid, "direction": self.direction, "from": self.from_, "to": self.to,
            "number": self.client.removeprefix("whatsapp:"), "body": self.body, "media": self.media,
            "status": self.status, "created": self.created.isoformat(), "own_id": self.own_id,
            "content_sid": self.content_sid, "error_code": self.error_code, "answered": self.answered,
        }  # fmt: skip


def new_sid(prefix: str = "SM") -> str:
    """Give an id of Twilio's form."""
    return prefix + secrets.token_hex(16)


def now() -> datetime:
    return datetime.now(UTC)
