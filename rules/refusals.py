"""What the backend is told of a call whose first message was refused."""

from typing import Any

from schemas.errors import OptedOut, TerminalError
from schemas.twilio_codes import classify


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
