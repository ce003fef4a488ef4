"""Which part of a topic is meant: by time or by offsets. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from schemas.errors import InvalidInput
from schemas.query import point_in_time

_HOW = "write ISO 8601 (2025-10-28T10:34:34Z) or an age (30m, 1h, 2d)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A half-open range: what was produced at `since` is in, at `until` is not; likewise for offsets.

    Offsets apply to every partition. Times are aware. None is open: from the beginning, or to the end as it
    is when reading begins.
    """

    since: datetime | None = None
    until: datetime | None = None
    from_offset: int | None = None
    to_offset: int | None = None

    def as_json(self) -> dict[str, str | int | None]:
        """Return the window as it is remembered with a replay."""
        since, until = (at.isoformat() if at else None for at in (self.since, self.until))
        return {"since": since, "until": until, "from_offset": self.from_offset, "to_offset": self.to_offset}

    @classmethod
    def of_json(cls, saved: dict[str, Any]) -> Self:
        """Read what `as_json` returned."""
        since, until = (
            datetime.fromisoformat(saved[name]) if saved[name] else None for name in ("since", "until")
        )
        return cls(since=since, until=until, from_offset=saved["from_offset"], to_offset=saved["to_offset"])


def make_window(
    now: datetime,
    since: str | None,
    until: str | None,
    from_offset: int | None,
    to_offset: int | None,
    *,
    may_be_open: bool = False,
) -> Window:
    """Make a window of the options, checked against each other. `may_be_open`: it needs no beginning.

    Raises:
        InvalidInput: the beginning is missing, times and offsets are mixed, or the end is not after the
            beginning.
    """
    if since is None and from_offset is None and not may_be_open:
        raise InvalidInput("--since", f"say from when, or --from-offset; {_HOW}")
    if since is not None and from_offset is not None:
        raise InvalidInput("--from-offset", "give either times or offsets")
    window = Window(
        since=None if since is None else point_in_time("--since", since, now),
        until=None if until is None else point_in_time("--until", until, now),
        from_offset=from_offset,
        to_offset=to_offset,
    )
    if window.since and window.until and window.until <= window.since:
        raise InvalidInput("--until", "must be later than --since")
    if window.since and window.since > now:
        raise InvalidInput("--since", "is in the future")
    if (from_offset or 0) < 0 or (to_offset is not None and to_offset <= (from_offset or 0)):
        raise InvalidInput("--to-offset", "must be above --from-offset, and both at least 0")
    return window
