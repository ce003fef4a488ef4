"""Twilio's list of messages: filters and pages."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from yarl import URL

from local.twilio.messages import Json, Message

_PAGE_SIZE = 50
_LARGEST_PAGE = 1000
# Both bounds include the day or moment itself, although they are written `<` and `>`.
_BOUNDS: dict[str, Callable[[datetime, datetime, datetime], bool]] = {
    "DateSent": lambda at, start, end: start <= at < end,
    "DateSent<": lambda at, start, end: at < end,
    "DateSent>": lambda at, start, end: at >= start,
}
_MOMENT = timedelta(seconds=1)
_DAY = timedelta(days=1)


def within(messages: list[Message], url: URL) -> list[Message]:
    """Keep what the date filters of a request ask for.

    Raises:
        ValueError: a date is neither `YYYY-MM-DD` nor ISO 8601.
    """
    for name, matches in _BOUNDS.items():
        if wanted := url.query.get(name):
            start, end = _span(wanted)
            messages = [message for message in messages if matches(message.created, start, end)]
    return messages


def page(found: list[Message], url: URL, account: str) -> Json:
    """Give one page; `next_page_uri` is relative and says all that the next request needs."""
    size = max(1, min(int(url.query.get("PageSize", _PAGE_SIZE)), _LARGEST_PAGE))
    number = int(url.query.get("Page", 0))
    start = _start(found, url.query.get("PageToken"), number * size)
    shown = found[start : start + size]
    more = start + size < len(found)
    following = url.update_query(Page=str(number + 1), PageToken=f"PA{shown[-1].sid}") if more else None
    return {
        "messages": [message.as_json(account) for message in shown],
        "page": number, "page_size": size, "start": start, "end": start + max(len(shown) - 1, 0),
        "uri": str(url.relative()) if url.is_absolute() else str(url),
        "first_page_uri": str(url.update_query(Page="0").without_query_params("PageToken")),
        "previous_page_uri": None,
        "next_page_uri": str(following) if following else None,
    }  # fmt: skip


def _start(found: list[Message], token: str | None, otherwise: int) -> int:
    """A token names the last message shown, so that newer ones do not shift the pages."""
    if token is None:
        return otherwise
    sid = token.removeprefix("PA")
    return next((index + 1 for index, message in enumerate(found) if message.sid == sid), otherwise)


def _span(wanted: str) -> tuple[datetime, datetime]:
    if "T" in wanted:
        at = datetime.fromisoformat(wanted)
        return at, at + _MOMENT
    start = datetime.fromisoformat(f"{date.fromisoformat(wanted)}T00:00:00+00:00")
    return start, start + _DAY
