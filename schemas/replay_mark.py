"""The header that marks a replayed event: which replay, what is wanted, where the event first stood."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self, cast, get_args

from schemas.query import is_countable
from schemas.topics import REPLAY_HEADER, header

Wants = Literal["open", "failed", "again"]
"""`open`: finish what the journal has not; `failed`: a failed turn, too; `again`: do all of it again."""

# A replay's id is its time and a few letters; an origin is a topic and two numbers, or a dead letter's id.
_FORM = re.compile(
    rf"(?P<replay>[!-:<-~]{{1,64}});(?P<wants>{'|'.join(get_args(Wants))});(?P<origin>[!-:<-~]{{1,300}});"
    r"(?P<at>[!-~]{10,40})"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A replay's mark. `origin`: topic/partition/offset; `at`: when the event was produced there, aware."""

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
    def of(cls, headers: Any) -> Self | None:  # noqa: ANN401 - Faust's or aiokafka's, of any record
        """Read a record's mark. What cannot be read is no mark, and the event is an ordinary one."""
        found = _FORM.fullmatch(header(headers, REPLAY_HEADER) or "")
        if found is None:
            return None
        try:
            at = datetime.fromisoformat(found["at"])
        except ValueError:
            return None
        at = at.replace(tzinfo=at.tzinfo or UTC)
        return (
            cls(found["replay"], cast(Wants, found["wants"]), found["origin"], at)
            if is_countable(at)
            else None
        )


def repetition(replay: str, event_id: str) -> str:
    """Return the id by which a replay's repetition of an event is remembered; former builds made the same."""
    digest = hashlib.md5(event_id.encode(), usedforsecurity=False).hexdigest()
    return f"replay:{replay}:{digest}"
