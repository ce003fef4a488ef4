"""Messages as Twilio takes and shows them (`…/Messages.json`). Pure."""

import json
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from clients.messenger import ListedMessage, OutgoingMessage
from clients.vendor_json import Json, clean_text
from schemas.public_url import is_this_machine
from schemas.settings import Settings


def form_of(message: OutgoingMessage, sender: str, callback: str | None) -> dict[str, str]:
    """Return a create's form. With a template, Twilio's rules allow neither `Body` nor `MediaUrl`."""
    form = {"To": message.to, "From": sender}
    if callback:
        form["StatusCallback"] = callback + message.own_id
    if message.template_id:
        form["ContentSid"] = message.template_id
        if message.template_variables:  # an empty object is refused (errors/21656)
            form["ContentVariables"] = clean_text(json.dumps(message.template_variables, ensure_ascii=False))
        return form
    if message.body:
        form["Body"] = clean_text(message.body)
    if message.media_url:
        form["MediaUrl"] = message.media_url
    return form


def callback_url(settings: Settings) -> str | None:
    """Return the delivery reports' URL up to our own id; None if Twilio could not reach us.

    Without PUBLIC_BASE_URL only a Twilio on this machine (the simulated one) can call us.
    """
    base = settings.public_base_url
    if base is None and is_this_machine(settings.twilio_api_base_url):
        base = f"http://127.0.0.1:{settings.port}"
    return f"{base.rstrip('/')}/webhook/twilio/status?mid=" if base else None


def listed(item: Json) -> ListedMessage:
    """Read a listed message.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is not one.
    """
    code: Any = item.get("error_code")
    return ListedMessage(
        sid=str(item["sid"]),
        to=str(item["to"] or ""),
        from_=str(item["from"] or ""),
        body=str(item["body"] or ""),
        is_inbound=str(item["direction"]) == "inbound",
        status=str(item["status"]),
        created=_time(item["date_created"]),
        error_code=None if code is None else str(code),
        files=int(item.get("num_media") or 0),
    )


def _time(text: str) -> datetime:
    """Return the time that a text means; Twilio writes RFC 2822 with `+0000`."""
    return parsedate_to_datetime(text)
