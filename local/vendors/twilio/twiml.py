"""What a webhook answers: TwiML replies, or what is wrong with it. Pure."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

_MOST_REPLIES = 10
_LONGEST_REPLY = 1600
_XML = frozenset({"text/xml", "application/xml", "application/x-xml"})
_NO_REPLY = frozenset({202, 204})


@dataclass(frozen=True, slots=True)
class TwimlResult:
    """What came of an answer."""

    #: Pairs of text and media URL.
    replies: list[tuple[str, str]] = field(default_factory=list)
    #: The code in Twilio's debugger; None: all is well.
    problem: int | None = None


def read_answer(status: int, content_type: str, text: str) -> TwimlResult:
    """Read an answer with a 2xx status."""
    if status in _NO_REPLY or not text.strip():
        return TwimlResult()
    if content_type == "text/plain":  # is sent to the client word for word, as far as known
        return TwimlResult([(text.strip(), "")])
    if content_type not in _XML:
        return TwimlResult(problem=12300)
    try:
        root = ET.fromstring(text)
    except ET.ParseError:
        return TwimlResult(problem=12100)
    return _replies(root) if root.tag == "Response" else TwimlResult(problem=12100)


def _replies(root: ET.Element) -> TwimlResult:
    replies = [_reply(message) for message in root.findall("Message")]
    if len(replies) > _MOST_REPLIES:
        return TwimlResult(replies[:_MOST_REPLIES], 14109)
    bad = any((not text and not media) or len(text) > _LONGEST_REPLY for text, media in replies)
    return TwimlResult([] if bad else replies, 14103 if bad else None)


def _reply(message: ET.Element) -> tuple[str, str]:
    body = message.find("Body")
    text = (body.text if body is not None else message.text) or ""
    media = message.find("Media")
    return text.strip(), (media.text or "").strip() if media is not None else ""
