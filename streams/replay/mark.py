"""The header that marks a replayed event: which replay, what is wanted, where the event stood at first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self, cast, get_args

from schemas.topics import REPLAY_HEADER

Wants = Literal["open", "failed", "again"]
"""`open`: what the journal has not finished is finished; `failed`: a failed turn, too; `again`: all of it is done anew."""


@dataclass(frozen=True, slots=True)
class Mark:
    """`origin`: topic/partition/offset; `at`: when the event was produced there, aware."""

    replay: str
    wants: Wants
    origin: str
    at: datetime

    def header(self) -> tuple[str, bytes]:
        """Give the Kafka header."""
        return REPLAY_HEADER, f"{self.replay};{self.wants};{self.origin};{self.at.isoformat()}".encode()

    @classmethod
    def of(cls, message: Any) -> Self | None:  # noqa: ANN401 - a Faust message
        """Read a message's mark; what cannot be read is no mark, and the event an ordinary one."""
        headers = message.headers or ()
        pairs = headers.items() if isinstance(headers, dict) else headers
        found = next((value for name, value in pairs if name == REPLAY_HEADER), None)
        parts = (found.decode(errors="replace") if isinstance(found, bytes) else found or "").split(";")
        if len(parts) != 4 or parts[1] not in get_args(Wants):
            return None
        try:
            return cls(parts[0], cast(Wants, parts[1]), parts[2], datetime.fromisoformat(parts[3]))
        except ValueError:
            return None
