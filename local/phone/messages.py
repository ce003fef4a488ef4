"""What a pretend client can send, as the simulated Twilio accepts it, and how the chat shows it."""

import base64
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

# A small picture and a second of silence, in formats that a browser can show and play.
_SAMPLES: Final = Path(__file__).parent / "samples"
KINDS: Final = ("text", "image", "voice", "location", "button", "stop")
_LONGEST = 1600
"""Twilio's limit for a message."""


def inbound(number: str, kind: str, text: str) -> Json:
    """Return the body for `/_sim/inbound`.

    Raises:
        ValueError: there is no such kind, or the text is empty or too long.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: must be one of {', '.join(KINDS)}")
    if len(text) > _LONGEST or (kind == "text" and not text.strip()):
        raise ValueError(f"text: 1 to {_LONGEST} characters")
    return {"from": number} | _content(kind, text)


def _content(kind: str, text: str) -> Json:
    if kind == "image":
        return {"body": text, "media": [_file("image/png", "image.png")]}
    if kind == "voice":
        return {"body": "", "media": [_file("audio/ogg", "voice.ogg")]}
    if kind == "location":
        return {"body": "", "location": {"latitude": 4.711, "longitude": -74.0721, "label": "Bogotá"}}
    if kind == "button":
        return {
            "body": text or "Sí, me interesa",
            "button": {"text": text or "Sí, me interesa", "payload": "interested"},
        }
    return {"body": "STOP" if kind == "stop" else text}


def _file(content_type: str, name: str) -> Json:
    return {"content_type": content_type, "base64": base64.b64encode((_SAMPLES / name).read_bytes()).decode()}


def kind_of(row: Json) -> str:
    """Return what a row of Twilio's ledger is: text, image, audio, video, file or location. Pure."""
    if media := row.get("media"):
        kind = str(media[0]).partition("/")[0]
        return kind if kind in ("image", "audio", "video") else "file"
    return "text" if row["body"] else "location"
