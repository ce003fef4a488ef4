"""The post-call webhook: signed as ElevenLabs signs it, and sent once."""

import hashlib
import hmac
import json
import time
from typing import Any

import aiohttp

Json = dict[str, Any]
_TIMEOUT = aiohttp.ClientTimeout(total=15)


def signature(secret: str, body: str, at: int) -> str:
    """Return the header `ElevenLabs-Signature`."""
    digest = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={at},v0={digest}"


def failure_data(agent_id: str, conversation_id: str, reason: str, number: str) -> Json:
    """Return the data of a call that nobody answered. `reason`: busy, no-answer or unknown."""
    call = {"CallSid": "CA" + "0" * 32, "CallStatus": reason, "To": number}
    return {
        "agent_id": agent_id,
        "conversation_id": conversation_id,
        "failure_reason": reason,
        "metadata": {"type": "twilio", "body": call},
    }


async def post(url: str, secret: str, kind: str, data: Json, age_seconds: float = 0) -> int:
    """Send one; return the HTTP status, or 0 if there was none. `age_seconds`: the age of its signature."""
    at = int(time.time() - age_seconds)
    body = json.dumps({"type": kind, "event_timestamp": at, "data": data}, ensure_ascii=False)
    headers = {"ElevenLabs-Signature": signature(secret, body, at), "Content-Type": "application/json"}
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.post(url, data=body.encode(), headers=headers) as response,
        ):
            return response.status
    except (aiohttp.ClientError, TimeoutError):
        return 0
