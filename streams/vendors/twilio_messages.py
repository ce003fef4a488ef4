"""Messages as Twilio takes and shows them (`…/Messages.json`). Pure."""

import json
import unicodedata
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from schemas.errors import InvalidNumber
from schemas.phone import conversation_key
from schemas.settings import Settings
from streams.vendors.vendor_json import Json, clean_text

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """One message. `to`, `from_`: Twilio addresses (`whatsapp:+…`); `content_variables`: a template's."""

    own_id: str
    to: str
    from_: str
    body: str | None = None
    content_sid: str | None = None
    content_variables: dict[str, str] | None = None
    media_url: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """Twilio took a message. `status`: mostly `queued`; `body`: its text as Twilio shows it, of a template as well."""

    sid: str
    status: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A message that Twilio knows. `date_created`: aware, whole seconds; `error_code`: as Twilio writes it."""

    sid: str
    status: str
    date_created: datetime
    error_code: str | None = None
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What is looked for in Twilio's list. `body` None: any text, for templates, which Twilio shows filled in."""

    to: str
    from_: str
    body: str | None
    not_before: datetime
    known_sids: Set[str]

    def matches(self, item: Json) -> bool:
        """Tell whether a listed message may be the lost one; the list does not show our own id."""
        return (
            item["sid"] not in self.known_sids
            and str(item["direction"]).startswith("outbound")
            and _same_address(str(item["to"]), self.to)
            and _same_address(str(item["from"]), self.from_)
            and (self.body is None or _same_text(str(item["body"] or ""), self.body))
            and created(item) >= self.not_before
        )


def form_of(message: OutgoingMessage, callback: str | None) -> dict[str, str]:
    """Give the form of a create. With a template neither `Body` nor `MediaUrl` may be sent (Twilio's rules, section 5)."""
    form = {"To": message.to, "From": message.from_}
    if callback:
        form["StatusCallback"] = callback + message.own_id
    if message.content_sid:
        form["ContentSid"] = message.content_sid
        if message.content_variables:  # an empty object is refused (errors/21656)
            form["ContentVariables"] = clean_text(json.dumps(message.content_variables, ensure_ascii=False))
        return form
    if message.body:
        form["Body"] = clean_text(message.body)
    if message.media_url:
        form["MediaUrl"] = message.media_url
    return form


def callback_url(settings: Settings) -> str | None:
    """Give the delivery reports' URL up to our own id; None where Twilio could not reach us.

    Without PUBLIC_BASE_URL only a Twilio on this very machine (the simulated one) can call us.
    """
    base = settings.public_base_url
    if base is None and urlsplit(settings.twilio_api_base_url).hostname in _LOOPBACK:
        base = f"http://127.0.0.1:{settings.port}"
    return f"{base.rstrip('/')}/webhook/twilio/status?mid=" if base else None


def found(item: Json) -> Found:
    """Read a listed message.

    Raises:
        KeyError, TypeError, ValueError: it is not one.
    """
    code: Any = item.get("error_code")
    shown = None if code is None else str(code)
    return Found(str(item["sid"]), str(item["status"]), created(item), shown, str(item.get("body") or ""))


def created(item: Json) -> datetime:
    """Give when a message was created; Twilio writes RFC 2822 with `+0000`."""
    return parsedate_to_datetime(item["date_created"])


def _same_address(one: str, other: str) -> bool:
    """Twilio may show a number in its other spelling (`schemas.phone`); a miss here would send a message twice."""
    try:
        return one == other or conversation_key(one) == conversation_key(other)
    except InvalidNumber:
        return False


def _same_text(one: str, other: str) -> bool:
    """White space and composition of accents may change on the way."""
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", clean_text(text)).split())
