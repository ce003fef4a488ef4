"""The header that marks a replayed event: which replay, what is wanted, where the event stood at first."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self, cast, get_args

from schemas.query import is_countable
from schemas.topics import REPLAY_HEADER, header

Wants = Literal["open", "failed", "again"]
"""`open`: what the journal has not finished is finished; `failed`: a failed turn, too; `again`: all of it is done anew."""

# A replay's id is its time and a few letters, an origin a topic's name with two numbers, or a dead letter's id.
_FORM = re.compile(
    rf"(?P<replay>[!-:<-~]{{1,64}});(?P<wants>{'|'.join(get_args(Wants))});(?P<origin>[!-:<-~]{{1,300}});"
    r"(?P<at>[!-~]{10,40})"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """`origin`: topic/partition/offset; `at`: when the event was produced there, aware."""

    replay: str
    wants: Wants
    origin: str
    at: datetime

    def header(self) -> tuple[str, bytes]:
        """Return the Kafka header."""
        return REPLAY_HEADER, self.text.encode()

    @property
    def text(self) -> str:
        """The header's value."""
        return f"{self.replay};{self.wants};{self.origin};{self.at.isoformat()}"

    @classmethod
    def of(cls, message: Any) -> Self | None:  # noqa: ANN401 - a Faust message
        """Read a message's mark; what cannot be read is no mark, and the event an ordinary one."""
        found = _FORM.fullmatch(header(message.headers, REPLAY_HEADER) or "")
        if found is None:
            return None
        try:
            at = datetime.fromisoformat(found["at"])
        except ValueError:
            return None
        at = at.replace(tzinfo=at.tzinfo or UTC)
        return cls(found["replay"], cast(Wants, found["wants"]), found["origin"], at) if is_countable(at) else None


def repetition(replay: str, event_id: str) -> str:
    """Return the id under which a replay's repetition of an event is remembered; former builds made the same."""
    digest = hashlib.md5(event_id.encode(), usedforsecurity=False).hexdigest()
    return f"replay:{replay}:{digest}"
