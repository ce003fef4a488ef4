"""Twilio's HTTP API: one account's connection, shared by all who use it."""

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit, urlunsplit

import aiohttp
from yarl import URL

from clients.http import (
    BROKE_OFF,
    CREDENTIALS_PAUSE_SECONDS,
    LARGEST_ANSWER_BYTES,
    Answer,
    GuardedBody,
    ask,
    at_any_time,
    timeouts,
)
from clients.vendor_json import Json
from schemas.errors import (
    AccountRefused,
    NumberBusy,
    RetryableError,
    TerminalError,
    UnknownOutcome,
    VendorError,
    Withheld,
)
from schemas.settings import Settings
from schemas.twilio_codes import classify

# Twilio answers in 0.1-0.5 s. After this long we stop waiting for an answer and look the outcome up.
TIMEOUT = timeouts(read_seconds=10.0, whole_seconds=15.0)
SLOW_SECONDS = 2.0
"""Several calls in a row that take this long are how an outage begins in which nothing is answered at all."""
# A page of a thousand messages takes Twilio some seconds.
LIST_TIMEOUT = timeouts(read_seconds=25.0, whole_seconds=30.0)
_OK = 200
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
VENDOR = "twilio"

PAIR_PAUSE_SECONDS = 12.0
"""How long a number that gets too many messages is left alone: WhatsApp takes one every 6 s."""


def parsed(answer: Answer) -> Json:
    """Return the answer's JSON object; an empty one if it has none."""
    try:
        return answer.json()
    except ValueError:
        return {}


def refused(answer: Answer) -> VendorError:
    """Return the error for an answer that is not the wanted one. `UnknownOutcome`: it may have been done."""
    body = parsed(answer)
    code = body.get("code") if isinstance(body.get("code"), int | str) else None
    # `detail`: Twilio's newer errors follow RFC 9457.
    why = str(body.get("message") or body.get("detail") or f"HTTP {answer.status}")
    kind, shown = classify(code, answer.status).kind, code or answer.status
    if kind == "slow":
        return NumberBusy(VENDOR, why, shown, answer.retry_after or PAIR_PAUSE_SECONDS)
    if kind == "retryable":
        return RetryableError(VENDOR, why, shown, answer.retry_after)
    if kind == "hold":
        return AccountRefused(VENDOR, why, shown, CREDENTIALS_PAUSE_SECONDS)
    return (UnknownOutcome if kind == "unknown" else TerminalError)(VENDOR, why, shown)


def unread(answer: Answer) -> VendorError:
    """Return the error of a failed read: reading has no effect, so it can always be repeated."""
    error = refused(answer)
    if isinstance(error, UnknownOutcome):
        return RetryableError(VENDOR, error.why, error.code, answer.retry_after)
    return error


class TwilioApi:
    """One account over one kept-alive session. `account`: its SID."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self.account = settings.twilio_account_sid or ""
        self.base = settings.twilio_api_base_url.rstrip("/")
        self.folder = f"/2010-04-01/Accounts/{self.account}"
        self.session = session
        self._headers = {
            "Authorization": aiohttp.encode_basic_auth(self.account, settings.twilio_auth_token or "")
        }
        self._form_headers = self._headers | _FORM

    def of_account(self, path: str, **query: str) -> URL:
        """Return the URL of a resource of the account; `path` begins with `/`."""
        url = URL(f"{self.base}{self.folder}{path}")
        return url.with_query(query) if query else url

    def named(self, uri: str) -> URL:
        """Return the URL of what Twilio names relative to its host, to be called verbatim."""
        return URL(f"{self.base}{uri}", encoded=True)

    def product(self, name: str) -> str:
        """Return the base URL of another of Twilio's products."""
        return product_host(self.base, name)

    async def post(
        self,
        url: URL | str,
        form: dict[str, str],
        timeout: aiohttp.ClientTimeout | None = None,
        may_leave: Callable[[], bool] = at_any_time,
    ) -> Answer:
        """Post a form and return whatever is answered. `may_leave`: asked right before its first byte leaves.

        Raises:
            Withheld: it was not allowed to leave.
            BROKE_OFF: see `clients.http`.
        """
        # Encoded here, because aiohttp's FormData takes a fifth of the request's CPU.
        body = GuardedBody(urlencode(form).encode(), may_leave)
        try:
            return await ask(
                self.session, "POST", url, data=body, headers=self._form_headers, timeout=timeout
            )
        except BROKE_OFF as error:
            if body.is_withheld:
                raise Withheld("held up on its way to the socket") from error
            raise

    async def fetch(
        self,
        url: URL | str,
        *,
        timeout: aiohttp.ClientTimeout | None = None,
        most: int = LARGEST_ANSWER_BYTES,
    ) -> Answer:
        """Get something with our credentials and return whatever is answered.

        Raises:
            BROKE_OFF: see `clients.http`.
        """
        return await ask(self.session, "GET", url, headers=self._headers, most=most, timeout=timeout)

    async def get(self, url: URL | str, timeout: aiohttp.ClientTimeout | None = None) -> Json:
        """Get a JSON object.

        Raises:
            RetryableError: no readable answer, or our credentials are refused.
            TerminalError: refused for good.
        """
        try:
            answer = await self.fetch(url, timeout=timeout)
        except BROKE_OFF as error:
            raise RetryableError(VENDOR, f"broke off: {type(error).__name__}") from error
        if answer.status == _OK and (found := parsed(answer)):
            return found
        raise unread(answer)

    async def probe(self, timeout: aiohttp.ClientTimeout) -> int:
        """Return the status of a request for the account itself, the lightest that needs our credentials.

        Raises:
            BROKE_OFF: Twilio cannot be reached.
        """
        return (await self.fetch(f"{self.base}{self.folder}.json", timeout=timeout)).status


def product_host(api_base_url: str, product: str) -> str:
    """Return the base URL of one of Twilio's products, in the API's edge and region.

    `api.` becomes `messaging.` and so on; a simulator has everything on one host.
    """
    parts = urlsplit(api_base_url.rstrip("/"))
    host = parts.netloc
    if host.startswith("api.") and (parts.hostname or "").endswith(".twilio.com"):
        host = product + host.removeprefix("api")
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
