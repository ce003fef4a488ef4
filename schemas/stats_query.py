"""What may be asked of the statistics: `?day=`, `?batch_id=`, `?group_id=`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Self

from schemas.errors import InvalidInput

_CAMPAIGN = ("batch_id", "group_id")
# The width of the column; a longer id cannot exist.
_LONGEST_ID = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsQuery:
    """A question to the statistics.

    `day`: in their time zone, None for today. `campaign`: `batch_id`, `group_id`, both or neither.
    """

    day: date | None
    campaign: dict[str, str]

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Read a request's query.

        Raises:
            InvalidInput: names the parameter that is unknown or malformed.
        """
        refuse_unknown(query, ("day", *_CAMPAIGN))
        campaign = {name: query[name] for name in _CAMPAIGN if name in query}
        for name, value in campaign.items():
            if not value or len(value) > _LONGEST_ID:
                raise InvalidInput(name, f"must have 1 to {_LONGEST_ID} characters")
        return cls(day=_day(query["day"]) if "day" in query else None, campaign=campaign)


def refuse_unknown(query: Mapping[str, str], known: tuple[str, ...]) -> None:
    """Check that a query has no parameter that would be ignored.

    Raises:
        InvalidInput: names the first one.
    """
    if unknown := next((name for name in query if name not in known), None):
        raise InvalidInput(unknown[:_LONGEST_ID], f"unknown parameter; known are {', '.join(known)}")


def _day(text: str) -> date:
    try:
        if len(text) != len("2025-10-28"):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("day", "must be a date, written as 2025-10-28") from error
