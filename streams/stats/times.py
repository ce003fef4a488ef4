"""Times of events: UTC, and the day on which they count. Pure."""

from datetime import UTC, datetime, tzinfo

from schemas.errors import InvalidInput

MICROSECONDS = 1_000_000


def utc(at: datetime) -> datetime:
    """Give the moment in UTC. Times without a zone are UTC, as everywhere in the service.

    Raises:
        InvalidInput: no year of the calendar.
    """
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise InvalidInput("at", "out of range") from error


def day_of(at: datetime, zone: tzinfo) -> str:
    """Give the ISO date in the statistics' time zone.

    Raises:
        InvalidInput: see `utc`.
    """
    try:
        return (at if zone is UTC else at.astimezone(zone)).date().isoformat()
    except OverflowError as error:
        raise InvalidInput("at", "out of range") from error


def time_in(data: dict[str, object], name: str, otherwise: datetime) -> datetime:
    """Give a time out of an event's data, in UTC; `otherwise` where it is missing.

    Raises:
        InvalidInput: it is no time.
    """
    text = data.get(name)
    try:
        return utc(datetime.fromisoformat(text)) if isinstance(text, str) else otherwise
    except ValueError as error:
        raise InvalidInput(f"data.{name}", "not a time") from error


def microseconds(seconds: object) -> int:
    """Give whole microseconds: sums of floats depend on their order.

    Raises:
        InvalidInput: not a number of seconds.
    """
    try:
        return round(float(seconds) * MICROSECONDS)  # type: ignore[arg-type]  # refused below when it is no number
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput("data.response_seconds", "not a number of seconds") from error
