"""What a pretended client can send, as the simulated Twilio takes it. Pure."""

import base64
from typing import Any, Final

Json = dict[str, Any]

# One pixel, and a tenth of a second of silence: enough to be real files.
_PIXEL: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)  # fmt: skip
_SILENCE: Final = base64.b64encode(b"OggS" + bytes(256)).decode()
KINDS: Final = ("text", "image", "voice", "location", "button", "stop")
_LONGEST = 1600
"""Twilio's bound for a message."""


def inbound(number: str, kind: str, text: str) -> Json:
    """Give what `/_sim/inbound` is told.

    Raises:
        ValueError: no such kind, or a text that is empty or too long.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: must be one of {', '.join(KINDS)}")
    if len(text) > _LONGEST or (kind == "text" and not text.strip()):
        raise ValueError(f"text: 1 to {_LONGEST} characters")
    return {"from": number} | _content(kind, text)


def _content(kind: str, text: str) -> Json:
    if kind == "image":
        return {"body": text, "media": [{"content_type": "image/png", "base64": _PIXEL}]}
    if kind == "voice":
        return {"body": "", "media": [{"content_type": "audio/ogg", "base64": _SILENCE}]}
    if kind == "location":
        return {"body": "", "location": {"latitude": 4.711, "longitude": -74.0721, "label": "Bogotá"}}
    if kind == "button":
        return {"body": text or "Sí, me interesa", "button": {"text": text or "Sí, me interesa", "payload": "interested"}}
    return {"body": "STOP" if kind == "stop" else text}
