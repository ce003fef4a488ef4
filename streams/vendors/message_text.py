"""An agent's text as WhatsApp messages: formatting turned into WhatsApp's, length within Twilio's limit. Pure."""

import re

TWILIO_LIMIT = 1600
"""Characters of one message (Twilio error 21617); counted in UTF-16 units, so that an emoji counts twice."""

_VOICE_TAG = re.compile(r"\[(?:happy|sad|laughs?|sighs?|whispers?|excited|calm|pause|curious)\]\s*", re.IGNORECASE)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*", re.DOTALL)
_LINK = re.compile(r"\[([^\]\n]+)\]\((https?://[^\s)]+)\)")
# Where a text may be cut, the best first: paragraph, line, sentence, word.
_CUTS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?…])\s+"), re.compile(r"\s+"))


def to_whatsapp(text: str) -> str:
    """Turn Markdown into WhatsApp's own marks: `**bold**` and headings to `*bold*`, `[t](u)` to `t: u`."""
    text = _VOICE_TAG.sub("", text)
    text = _LINK.sub(r"\1: \2", text)
    text = _BOLD.sub(r"*\1*", text)
    return _HEADING.sub(lambda match: f"*{match[1].strip('*')}*", text).strip()


def split_message(text: str, limit: int = TWILIO_LIMIT) -> list[str]:
    """Split a text into parts of at most `limit` units, at the best place there is; nothing but white space is lost."""
    parts = []
    rest = text.strip()
    while _units(rest) > limit:
        end = _prefix(rest, limit)
        head, rest = _cut(rest, end)
        parts.append(head)
    return [*parts, rest] if rest else parts


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _prefix(text: str, limit: int) -> int:
    """Give how many characters fit into `limit` units."""
    used = 0
    for index, char in enumerate(text):
        used += 2 if ord(char) > 0xFFFF else 1
        if used > limit:
            return index
    return len(text)


def _cut(text: str, end: int) -> tuple[str, str]:
    for place in _CUTS:
        # A cut right behind the limit still fits; one in the first half would make needlessly small parts.
        spots = [m for m in place.finditer(text, end // 2, end + 1) if m.start() <= end]
        if spots:
            return text[: spots[-1].start()].rstrip(), text[spots[-1].end() :].lstrip()
    spots = [m for m in _CUTS[-1].finditer(text, 1, end + 1) if m.start() <= end]
    at = spots[-1].start() if spots else end
    return text[:at].rstrip(), text[at:].lstrip()
