"""Sends WhatsApp messages through Twilio and finds out what became of them.

`POST …/Messages.json` cannot be made idempotent (no key is documented), so a failure that may have had its effect is
`UnknownOutcome`: only 429 and failures before the first byte are known to be without effect.
"""

from collections.abc import Set
from datetime import datetime
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from schemas.errors import NumberBusy, RetryableError, TerminalError, UnknownOutcome, VendorError
from schemas.settings import Settings
from schemas.twilio_codes import classify
from streams.vendors.http import (
    BROKE_OFF,
    CREDENTIALS_PAUSE_SECONDS,
    NOTHING_WAS_SENT,
    PAIR_PAUSE_SECONDS,
    read_bounded,
    retry_after,
)
from streams.vendors.twilio_messages import Accepted, Found, Lost, OutgoingMessage, callback_url, created, form_of, found
from streams.vendors.vendor_json import Json, parse_vendor_object

_VENDOR = "twilio"
# One number's messages within the minute or so that a lost send is looked for: one page has them all, unless
# something floods that number; then a few more.
_PAGE_SIZE = 50
_MOST_PAGES = 4
_CREATED = frozenset({200, 201})
_NOT_FOUND = 404


class TwilioSender:
    """One account's messages over one kept-alive session."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        account = settings.twilio_account_sid or ""
        self._host = settings.twilio_api_base_url.rstrip("/")
        self._account = f"{self._host}/2010-04-01/Accounts/{account}"
        auth = aiohttp.encode_basic_auth(account, settings.twilio_auth_token or "")
        self._headers = {"Authorization": auth}
        self._form_headers = self._headers | {"Content-Type": "application/x-www-form-urlencoded"}
        self._callback = callback_url(settings)
        self._session = session

    async def send(self, message: OutgoingMessage) -> Accepted:
        """Create one message.

        Raises:
            RetryableError: it certainly was not created.
            UnknownOutcome: it may have been created.
            TerminalError: refused for good; `code` is Twilio's, `why` its words.
        """
        # Encoded here: aiohttp's FormData takes a fifth of the request's CPU.
        url, form = f"{self._account}/Messages.json", urlencode(form_of(message, self._callback)).encode()
        try:
            async with self._session.post(url, data=form, headers=self._form_headers, allow_redirects=False) as response:
                return _accepted(response, await read_bounded(response))
        except NOTHING_WAS_SENT as error:
            raise RetryableError(_VENDOR, f"no connection: {type(error).__name__}") from error
        except BROKE_OFF as error:
            raise UnknownOutcome(_VENDOR, f"broke off: {type(error).__name__}") from error

    async def find_sent(
        self, to: str, from_: str, body: str | None, not_before: datetime, known_sids: Set[str]
    ) -> list[Found]:
        """List messages that may be a lost send, newest first. `body` None: any text (templates).

        Asked without `DateSent`: a queued message has none, and how such are sorted is undocumented (section 7 of the
        facts). One empty list proves nothing.

        Raises:
            RetryableError: the list could not be read.
        """
        lost = Lost(to=to, from_=from_, body=body, not_before=not_before, known_sids=known_sids)
        url: URL | None = URL(f"{self._account}/Messages.json").with_query(
            {"To": to, "From": from_, "PageSize": str(_PAGE_SIZE)}
        )
        matching: list[Found] = []
        for _ in range(_MOST_PAGES):
            page = await self._get(url)
            try:
                matching += [found(item) for item in page["messages"] if lost.matches(item)]
                url = self._older(page, not_before)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise RetryableError(_VENDOR, f"list not understood: {type(error).__name__}") from error
            if url is None:
                break
        return matching

    async def fetch(self, sid: str) -> Found | None:
        """Fetch one message's status; None when Twilio does not know it.

        Raises:
            RetryableError: no answer that could be read.
            TerminalError: refused for good.
        """
        try:
            return found(await self._get(URL(f"{self._account}/Messages/{sid}.json")))
        except TerminalError as error:
            if error.code in (20404, _NOT_FOUND):
                return None
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise RetryableError(_VENDOR, f"message not understood: {type(error).__name__}") from error

    async def probe(self) -> None:
        """Ask for the account itself, the lightest request that needs our credentials.

        Raises:
            RetryableError: Twilio cannot be reached or refuses the credentials.
            TerminalError: there is no such account.
        """
        await self._get(URL(f"{self._account}.json"))

    def _older(self, page: Json, not_before: datetime) -> URL | None:
        following, messages = page.get("next_page_uri"), page["messages"]
        if not following or not messages or created(messages[-1]) < not_before:
            return None
        return URL(f"{self._host}{following}", encoded=True)  # relative and to be called word for word

    async def _get(self, url: URL | None) -> Json:
        assert url is not None, "the loop ends where there is no further page"
        try:
            async with self._session.get(url, headers=self._headers, allow_redirects=False) as response:
                body = await read_bounded(response)
        except BROKE_OFF as error:
            raise RetryableError(_VENDOR, f"broke off: {type(error).__name__}") from error
        if response.status == 200 and (parsed := _parsed(body)):
            return parsed
        problem = _error(response, body)
        if isinstance(problem, UnknownOutcome):  # reading has no effect, so it can always be done again
            raise RetryableError(_VENDOR, problem.why, problem.code, retry_after(response))
        raise problem


def _accepted(response: aiohttp.ClientResponse, body: bytes) -> Accepted:
    parsed = _parsed(body)
    if response.status in _CREATED and isinstance(parsed.get("sid"), str):
        return Accepted(parsed["sid"], str(parsed.get("status")), str(parsed.get("body") or ""))
    raise _error(response, body)


def _error(response: aiohttp.ClientResponse, body: bytes) -> VendorError:
    parsed = _parsed(body)
    code = parsed.get("code") if isinstance(parsed.get("code"), int | str) else None
    # `detail`: Twilio's newer errors follow RFC 9457.
    why = str(parsed.get("message") or parsed.get("detail") or f"HTTP {response.status}")
    kind, shown = classify(code, response.status).kind, code or response.status
    if kind == "slow":
        return NumberBusy(_VENDOR, why, shown, retry_after(response) or PAIR_PAUSE_SECONDS)
    if kind == "retryable":
        return RetryableError(_VENDOR, why, shown, retry_after(response))
    if kind == "hold":
        return RetryableError(_VENDOR, why, shown, CREDENTIALS_PAUSE_SECONDS)
    return UnknownOutcome(_VENDOR, why, shown) if kind == "unknown" else TerminalError(_VENDOR, why, shown)


def _parsed(body: bytes) -> Json:
    try:
        return parse_vendor_object(body)
    except ValueError:
        return {}
