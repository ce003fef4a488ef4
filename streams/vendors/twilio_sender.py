"""Sends WhatsApp messages through Twilio and finds out what became of them.

`POST …/Messages.json` cannot be made idempotent (no key is documented), so a failure that may have had its effect is
`UnknownOutcome`: only 429 and failures before the first byte are known to be without effect.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from schemas.errors import RetryableError, TerminalError, UnknownOutcome
from schemas.settings import Settings
from streams.vendors.http import BROKE_OFF, NOTHING_WAS_SENT, retry_after

Json = dict[str, Any]

_VENDOR = "twilio"
# 20429 too many requests, 21611 the sender's queue is full: never processed (docs errors/20429, 21611).
_NOT_PROCESSED = frozenset({20429, 21611})
# 20003: credentials are refused; the message is as good as before once they are right.
_CREDENTIALS = frozenset({20003})
_CREDENTIALS_PAUSE_SECONDS = 30.0
_PAGE_SIZE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """One message. `to`, `from_`: Twilio addresses (`whatsapp:+…`); `content_variables`: a template's."""

    own_id: str
    to: str
    from_: str
    body: str | None = None
    content_sid: str | None = None
    content_variables: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """Twilio took a message. `status`: mostly `queued`."""

    sid: str
    status: str


@dataclass(frozen=True, slots=True)
class Found:
    """A message that Twilio lists."""

    sid: str
    status: str


class TwilioSender:
    """One account's messages over one kept-alive session."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        account = settings.twilio_account_sid or ""
        self._url = f"{settings.twilio_api_base_url}/2010-04-01/Accounts/{account}/Messages.json"
        self._auth = aiohttp.encode_basic_auth(account, settings.twilio_auth_token or "")
        base = settings.public_base_url or f"http://127.0.0.1:{settings.port}"
        self._callback = f"{base.rstrip('/')}/webhook/twilio/status?mid="
        self._session = session

    async def send(self, message: OutgoingMessage) -> Accepted:
        """Create one message.

        Raises:
            RetryableError: it certainly was not created.
            UnknownOutcome: it may have been created.
            TerminalError: refused for good; `code` is Twilio's.
        """
        try:
            async with self._session.post(self._url, data=self._form(message), headers=self._headers()) as response:
                return _accepted(response, await response.read())
        except NOTHING_WAS_SENT as error:
            raise RetryableError(_VENDOR, f"no connection: {type(error).__name__}") from error
        except BROKE_OFF as error:
            raise UnknownOutcome(_VENDOR, f"broke off: {type(error).__name__}") from error

    async def find_sent(
        self, to: str, from_: str, body: str, not_before: datetime, known_sids: set[str]
    ) -> list[Found]:
        """List messages that may be a lost send, newest first; the list does not show our own id, so text decides.

        Raises:
            RetryableError: the list could not be read.
        """
        params = {"To": to, "From": from_, "PageSize": str(_PAGE_SIZE)}
        try:
            async with self._session.get(self._url, params=params, headers=self._headers()) as response:
                page = await response.json(content_type=None) if response.status == 200 else None
        except (*BROKE_OFF, ValueError) as error:
            raise RetryableError(_VENDOR, f"list broke off: {type(error).__name__}") from error
        if page is None:
            raise RetryableError(_VENDOR, "list refused", response.status)
        return [
            Found(item["sid"], item["status"])
            for item in page["messages"]
            if item["sid"] not in known_sids
            and (item["body"] or "").strip() == body.strip()
            and item["direction"].startswith("outbound")
            and parsedate_to_datetime(item["date_created"]) >= not_before
        ]

    def _headers(self) -> dict[str, str]:
        return {"Authorization": self._auth}

    def _form(self, message: OutgoingMessage) -> dict[str, str]:
        form = {"To": message.to, "From": message.from_, "StatusCallback": self._callback + message.own_id}
        if message.content_sid:
            form["ContentSid"] = message.content_sid
            form["ContentVariables"] = json.dumps(message.content_variables or {}, ensure_ascii=False)
        else:
            form["Body"] = message.body or ""
        return form


def _accepted(response: aiohttp.ClientResponse, body: bytes) -> Accepted:
    parsed = _json(body)
    if response.status in (200, 201) and isinstance(parsed.get("sid"), str):
        return Accepted(parsed["sid"], str(parsed.get("status")))
    code, why = parsed.get("code"), str(parsed.get("message") or f"HTTP {response.status}")
    if response.status == 429 or code in _NOT_PROCESSED:
        raise RetryableError(_VENDOR, why, code or response.status, retry_after(response))
    if response.status == 401 or code in _CREDENTIALS:
        raise RetryableError(_VENDOR, why, code or response.status, _CREDENTIALS_PAUSE_SECONDS)
    if 400 <= response.status < 500:
        raise TerminalError(_VENDOR, why, code or response.status)
    raise UnknownOutcome(_VENDOR, why, response.status)


def _json(body: bytes) -> Json:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
