"""What an input came to, as whoever waits for it over HTTP reads it. JSON values.

Calls: `{"state": "done" | "failed", "sid": …, "error": {status, error, details}}`; without a `sid` no
conversation began. Commands: `{"command": …, "state": "done" | "refused", "changed": …, "sid": …, status,
error, details, operator}`; none while a text that one writes is under way.
"""

from datetime import datetime
from typing import Any

from schemas.errors import OptedOut, TerminalError
from schemas.rows import Json
from schemas.twilio_codes import classify

ERASED: Json = {
    "status": 409,
    "error": "The number was erased",
    "details": "an operator erased it before this was done",
}


def sent(sid: str) -> Json:
    """Outcome of a first message, or an operator's text, that the vendor has."""
    return {"state": "done", "changed": True, "sid": sid}


def failed(error: Json) -> Json:
    """Outcome of a message that was refused. `error`: status, error, details."""
    return {"state": "failed", "error": error}


def skipped() -> Json:
    """Outcome of a call after which no conversation begins."""
    return {"state": "done", "sid": None}


def already_followed_up(sid: str) -> Json:
    """Outcome of a call to a lead whose earlier attempt was already followed by a message."""
    return {"state": "done", "sid": sid}


def superseded() -> Json:
    """Outcome of a replayed call not done again: a later one has come, or the person wants no messages."""
    return {"state": "done", "sid": None}


def opted_out(number: str, since: datetime) -> Json:
    """Outcome for a number that asked for no more messages."""
    details = (
        f"{number} asked for no more messages on {since:%Y-%m-%d}; ALTA or START from that number undoes it"
    )
    return failed({"status": 409, "error": "The number has opted out", "details": details})


def command(*, changed: bool) -> Json:
    """Outcome of a command that was done at once."""
    return {"state": "done", "changed": changed}


def command_refused(error: Json) -> Json:
    """Outcome of a command that was not done. `error`: status, error, details."""
    return {"state": "refused", "changed": False} | error


def of_command(name: str, outcome: Json) -> Json:
    """Return a command's outcome with its name, as the same id may come again for another command."""
    return {"command": name} | outcome


def withdrawn(reason: str, opted_out_at: datetime | None, number: str) -> Json:
    """Return the error of a message that was not sent after all."""
    if opted_out_at is not None:
        error: Json = opted_out(number, opted_out_at)["error"]
        return error
    return {"status": 409, "error": "The message was withdrawn", "details": reason}


def refused(vendor_words: str, code: str | None, *, by_person: bool) -> Json:
    """Return the error of a message that the vendor refused for good."""
    details = f"{vendor_words} ({code})" if code else vendor_words
    if by_person:
        return {"status": 409, "error": "The number has opted out", "details": details}
    return {"status": 422, "error": "Failed to send WhatsApp message", "details": details}


def by_person(error: TerminalError) -> bool:
    """Return whether Twilio refused because the person wants no messages of ours (21610, 63014, 63033)."""
    return error.vendor == "twilio" and error.code is not None and classify(error.code).kind == "suppress"


def refusal(error: TerminalError) -> dict[str, Any]:
    """Return status, error and details as `POST /api/call-completed` answers them."""
    code = str(error.code) if error.code is not None else ""
    if isinstance(error, OptedOut) or by_person(error):
        return {"status": 409, "error": "The number has opted out", "details": f"{error.why} ({code})"}
    details = f"{error.why} ({code})" if code else error.why
    return {"status": 422, "error": "Failed to send WhatsApp message", "details": details}
