"""What Twilio's refusals mean, as errors: one table (`codes.py`) for whoever asks. Pure."""

from clients.http import CREDENTIALS_PAUSE_SECONDS, Answer
from clients.vendor_json import Json
from schemas.errors import AccountRefused, NumberBusy, RetryableError, TerminalError, UnknownOutcome, VendorError
from schemas.twilio_codes import classify

VENDOR = "twilio"

PAIR_PAUSE_SECONDS = 12.0
"""How long a number that gets too many messages is left alone: WhatsApp takes one per 6 s."""


def parsed(answer: Answer) -> Json:
    """Return the answer's JSON object; an empty one where it has none."""
    try:
        return answer.json()
    except ValueError:
        return {}


def refused(answer: Answer) -> VendorError:
    """Return the error of an answer that is not what was asked for. `UnknownOutcome`: it may have been done."""
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
    """Return the error of something that could not be read: reading has no effect, it can always be done again."""
    error = refused(answer)
    if isinstance(error, UnknownOutcome):
        return RetryableError(VENDOR, error.why, error.code, answer.retry_after)
    return error
