"""Whether Twilio takes a message at once. Pure: a form and what is known of the account."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from local.twilio.errors import Refusal, is_late, refusal_of

LONGEST_BODY = 1600
"""In UTF-16 units: 21617 counts an emoji as several."""
MOST_MEDIA = 10
# An E.164 number, or a business-scoped user id (a WhatsApp user without a visible number).
_ADDRESS = re.compile(r"whatsapp:(\+[1-9]\d{6,14}|[A-Z]{2}\.[A-Za-z0-9]{1,128})")
_CONTENT_SID = re.compile(r"HX[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateForm:
    """The parameters of a create that the simulator knows."""

    to: str = ""
    from_: str = ""
    body: str = ""
    media: list[str] = field(default_factory=list)
    content_sid: str = ""
    content_variables: str = ""
    status_callback: str = ""


def refusal(form: CreateForm, sender: str, codes: Mapping[str, int]) -> Refusal | None:
    """Give why a create is refused, None when it is accepted. `codes`: error codes set for recipients."""
    return _recipient(form, codes) or _sender(form, sender) or _content(form) or _callback(form)


def _recipient(form: CreateForm, codes: Mapping[str, int]) -> Refusal | None:
    if not form.to:
        return Refusal(21604, "A 'To' phone number is required.")
    if form.to.startswith("+"):
        return Refusal(21910, "Invalid From and To pair. From and To should be of the same channel")
    if not _ADDRESS.fullmatch(form.to):
        return refusal_of(21211, form.to)
    code = codes.get(form.to.removeprefix("whatsapp:"))
    return refusal_of(code, form.to) if code and not is_late(code) else None


def _sender(form: CreateForm, sender: str) -> Refusal | None:
    if not form.from_:
        return Refusal(21603, "A 'From' phone number is required.")
    if form.from_ != sender:
        return Refusal(63007, "Twilio could not find a Channel with the specified From address")
    return None


def _content(form: CreateForm) -> Refusal | None:
    if not (form.body or form.media or form.content_sid):
        return Refusal(21602, "Message body is required.")
    if len(form.body.encode("utf-16-le")) // 2 > LONGEST_BODY:
        return Refusal(21617, "The concatenated message body exceeds the 1600 character limit.")
    if len(form.media) > MOST_MEDIA:
        return Refusal(21623, "Number of media files exceeds allowed limit")
    if form.content_sid and not _CONTENT_SID.fullmatch(form.content_sid):
        return Refusal(21655, "The ContentSid is Invalid")
    if form.content_variables and not _is_object(form.content_variables):
        return Refusal(21656, "The Content Variables Parameter is invalid")
    return None


def _callback(form: CreateForm) -> Refusal | None:
    host = urlsplit(form.status_callback).hostname
    if form.status_callback and (not host or "_" in host):  # Twilio refuses underscores in host names
        return Refusal(21609, "The 'StatusCallback' URL is not a valid URL.")
    return None


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
