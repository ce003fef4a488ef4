"""What the backend is told of a call whose first message was refused."""

from typing import Any

from schemas.errors import TerminalError

# Twilio: "attempt to send to unsubscribed recipient" (errors/21610).
_OPTED_OUT = "21610"


def refusal(error: TerminalError) -> dict[str, Any]:
    """Give status, error and details as `POST /api/call-completed` answers them."""
    code = str(error.code) if error.code is not None else ""
    if code == _OPTED_OUT:
        return {"status": 409, "error": "The number has opted out", "details": f"{error.why} ({code})"}
    details = f"{error.why} ({code})" if code else error.why
    return {"status": 422, "error": "Failed to send WhatsApp message", "details": details}
