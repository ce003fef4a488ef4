"""Messages as Twilio lists them. Reading only: sending is the workers' business.

`web` has a client of its own, because it and `streams` share nothing but topics and rows; this one never has an effect.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import aiohttp
from yarl import URL

from schemas.errors import RetryableError
from schemas.settings import Settings
from web.vendor_reading import Json, read_object

_VENDOR = "twilio"
# Twilio's most; a day of 100,000 messages is 100 requests.
_PAGE_SIZE = 1000
# More than a million messages are no gap; it bounds a list that never ends.
_MOST_PAGES = 1000
_PASSING = (429,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One message. `created`: aware, whole seconds; `status`, `direction`: Twilio's; `media`: how many files."""

    sid: str
    to: str
    from_: str
    body: str
    direction: str
    status: str
    created: datetime
    error_code: str | None
    media: int

    @classmethod
    def from_json(cls, item: Json) -> "Listed":
        """Read an item of the list.

        Raises:
            KeyError, TypeError, ValueError: it is not one.
        """
        code = item.get("error_code")
        return cls(
            sid=str(item["sid"]), to=str(item["to"] or ""), from_=str(item["from"] or ""), body=str(item["body"] or ""),
            direction=str(item["direction"]), status=str(item["status"]),
            created=parsedate_to_datetime(item["date_created"]), error_code=None if code is None else str(code),
            media=int(item.get("num_media") or 0),
        )  # fmt: skip


class TwilioList:
    """One account's list of messages.

    Every method raises:
        RetryableError: no answer that could be read.
        TerminalError: refused.
    """

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        account, token = settings.twilio_account_sid or "", settings.twilio_auth_token or ""
        self.account = account
        self._host = settings.twilio_api_base_url.rstrip("/")
        self._base = f"{self._host}/2010-04-01/Accounts/{account}"
        self._headers = {"Authorization": aiohttp.encode_basic_auth(account, token)}
        self._session = session

    async def since(self, since: datetime, until: datetime, **which: str) -> AsyncIterator[Listed]:
        """List messages created in [since, until], newest first. `which`: `To` or `From`, an address.

        Twilio filters by day and ignores what it cannot read, so the time is filtered here.
        """
        query = {**which, "DateSent>": since.date().isoformat(), "PageSize": str(_PAGE_SIZE)}
        url: URL | None = URL(f"{self._base}/Messages.json").with_query(query)
        for _ in range(_MOST_PAGES):
            if url is None:
                return
            page = await self._get(url)
            messages, url = self._read(page)
            for message in messages:
                if since <= message.created <= until:
                    yield message
            if messages and all(message.created < since for message in messages):
                return

    async def media(self, sid: str) -> list[tuple[str, str]]:
        """Give (URL, content type) of a message's files."""
        page = await self._get(URL(f"{self._base}/Messages/{sid}/Media.json"))
        listed = [item for item in page.get("media_list") or [] if isinstance(item, dict)]
        return [
            (self._host + str(item.get("uri", "")).removesuffix(".json"), str(item.get("content_type", "")))
            for item in listed
        ]

    def _read(self, page: Json) -> tuple[list[Listed], URL | None]:
        try:
            following = page.get("next_page_uri")
            return [Listed.from_json(item) for item in page["messages"]], (
                URL(f"{self._host}{following}", encoded=True) if following else None  # to be called word for word
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RetryableError(_VENDOR, f"list not understood: {type(error).__name__}") from error

    async def _get(self, url: URL) -> Json:
        return await read_object(self._session, _VENDOR, url, self._headers, passing=_PASSING)
