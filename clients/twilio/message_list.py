"""Pages of Twilio's list of messages, newest first."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import aiohttp
from yarl import URL

from clients.http import BROKE_OFF, Answer
from clients.messenger import ListedMessage
from clients.twilio.api import VENDOR, TwilioApi, unread
from clients.twilio.messages import listed
from schemas.errors import RetryableError

_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of messages. `as_of`: Twilio's clock when it answered; None if it does not say."""

    messages: list[ListedMessage]
    as_of: datetime | None


async def pages(
    api: TwilioApi, query: dict[str, str], *, most: int, timeout: aiohttp.ClientTimeout | None = None
) -> AsyncIterator[Page]:
    """Yield at most `most` pages of `Messages.json`.

    Raises:
        RetryableError: no readable answer.
        TerminalError: refused for good.
    """
    url: URL | None = api.of_account("/Messages.json", **query)
    for _ in range(most):
        if url is None:
            return
        answer = await _fetched(api, url, timeout)
        page, url = _read(api, answer)
        yield page


async def _fetched(api: TwilioApi, url: URL, timeout: aiohttp.ClientTimeout | None) -> Answer:
    try:
        answer = await api.fetch(url, timeout=timeout)
    except BROKE_OFF as error:
        raise RetryableError(VENDOR, f"broke off: {type(error).__name__}") from error
    if answer.status != _OK:
        raise unread(answer)
    return answer


def _read(api: TwilioApi, answer: Answer) -> tuple[Page, URL | None]:
    try:
        body = answer.json()
        messages = [listed(item) for item in body["messages"]]
        following = body.get("next_page_uri")
        return Page(messages=messages, as_of=_date(answer)), api.named(following) if following else None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RetryableError(VENDOR, f"list not understood: {type(error).__name__}") from error


def _date(answer: Answer) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        return None
