"""`GET …/Messages.json`: filters, order and paging as Twilio has them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zlib import crc32

from yarl import URL

from local.vendors.twilio.errors import Refusal
from local.vendors.twilio.messages import Ledger, Message

_PAGE_SIZE = 50
_LARGEST_PAGE = 1000
_DAY = timedelta(days=1)
_DATE = "YYYY-MM-DD"
_INVALID_DATE = Refusal(400, 20001, "Invalid date value")

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a list is asked for. `since` and `until` apply to `date_sent`, both inclusive."""

    to: str | None = None
    from_: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def shows(self, message: Message) -> bool:
        """Return whether the list has a message. Without a `date_sent` yet, it is in no list by date."""
        if not (self.to in (None, message.to) and self.from_ in (None, message.from_)):
            return False
        if self.since is None and self.until is None:
            return True
        sent = message.sent
        return (
            sent is not None
            and (self.since is None or sent >= self.since)
            and (self.until is None or sent <= self.until)
        )


@dataclass(frozen=True, slots=True)
class Lag:
    """How late the list shows a message."""

    seconds: float = 0.0
    #: Up to this many more seconds, a different number for each message.
    spread: float = 0.0
    #: Whether messages of the same second have no order.
    is_unordered: bool = False

    def shows(self, message: Message, at: datetime) -> bool:
        return message.created + timedelta(seconds=self.seconds + _share(message) * self.spread) <= at

    def ordered(self, messages: list[Message]) -> list[Message]:
        """Return messages, given newest first, in the order in which they are listed."""
        if not self.is_unordered:
            return messages
        return sorted(messages, key=lambda each: (-int(each.created.timestamp()), _share(each)))


def _share(message: Message) -> float:
    return crc32(message.sid.encode()) / 0xFFFFFFFF


def parse_filter(query: Mapping[str, str]) -> Filter | Refusal:
    """Read the query: `To`, `From`, `DateSent` (that day), `DateSent<`, `DateSent>`."""
    since = until = None
    try:
        if on := query.get("DateSent"):
            since, until = _span(on[: len(_DATE)])
        if after := query.get("DateSent>"):
            since = _span(after)[0]
        if before := query.get("DateSent<"):
            until = _span(before)[1]
    except ValueError:
        return _INVALID_DATE
    return Filter(to=query.get("To") or None, from_=query.get("From") or None, since=since, until=until)


def _span(text: str) -> Span:
    """Return the first and last moment of a date (`YYYY-MM-DD`) or a time (ISO 8601). All are UTC."""
    if len(text) == len(_DATE):
        begin = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        return begin, begin + _DAY - timedelta(microseconds=1)
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    # `date_sent` is shown in whole seconds.
    return moment, moment + timedelta(seconds=1) - timedelta(microseconds=1)


def page(ledger: Ledger, account: str, url: URL, wanted: Filter, at: datetime, lag: Lag) -> dict[str, Any]:
    """Return one page as of a moment, newest first."""
    size = max(1, min(int(url.query.get("PageSize") or _PAGE_SIZE), _LARGEST_PAGE))
    number = int(url.query.get("Page") or 0)
    found = [
        message
        for message in reversed(ledger.shown(wanted.to, wanted.from_))
        if message.account == account and lag.shows(message, at) and wanted.shows(message)
    ]
    found = lag.ordered(found)
    begin = _begin(found, url.query.get("PageToken"), number * size)
    shown = found[begin : begin + size]
    more = len(found) > begin + size
    following = (
        url.update_query({"Page": str(number + 1), "PageToken": f"PA{shown[-1].sid}"}) if more else None
    )
    return {
        "messages": [message.as_json() for message in shown],
        "page": number,
        "page_size": size,
        "first_page_uri": str(url.update_query(Page="0").without_query_params("PageToken")),
        "previous_page_uri": None,
        "uri": str(url),
        "next_page_uri": str(following) if following else None,
        "start": number * size,
        "end": max(number * size + len(shown) - 1, 0),
    }


def _begin(found: list[Message], token: str | None, otherwise: int) -> int:
    """Return where a page begins: after the message its token names, so that new ones do not shift it."""
    last = (token or "").removeprefix("PA")
    return next((index + 1 for index, message in enumerate(found) if message.sid == last), otherwise)
