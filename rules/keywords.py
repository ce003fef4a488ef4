"""Messages that are commands to us: no more messages, messages again, a person please. Pure.

A command is the whole message; case, accents, punctuation, signs and surrounding spaces do not count.
"Persona" alone is not one, because it answers "¿persona natural o empresa?". A tap on one of our buttons is
one by its payload. If Twilio's Advanced Opt-Out has recognised one (`OptOutType`: STOP, START, HELP),
Twilio has answered it as well.
"""

import unicodedata
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from schemas.settings import Settings

Kind = Literal["stop", "start", "help", "handoff"]

# A command is a few words; anything longer is not even looked at.
_LONGEST = 80
_TEXTS = ("Body", "ButtonText", "ListTitle")
_OPT_OUT_TYPES: dict[str, Kind] = {"STOP": "stop", "START": "start", "HELP": "help"}


@dataclass(frozen=True, slots=True)
class Intent:
    """What a message commands. `replied`: Twilio has answered it already, so we do not."""

    kind: Kind
    replied: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "replied": self.replied}


class Keywords:
    """The configured commands."""

    def __init__(self, commands: Mapping[Kind, str], payloads: Mapping[Kind, str] | None = None) -> None:
        """Read the commands by kind: comma-separated lists of words or phrases.

        `payloads`: what our own buttons send, in the same form.
        """
        self._phrases = _by_phrase(commands)
        self._payloads = _by_phrase(payloads or {})

    @classmethod
    def of(cls, settings: Settings) -> Self:
        phrases: dict[Kind, str] = {"handoff": settings.handoff_words, "start": settings.opt_in_words}
        return cls(phrases | {"stop": settings.opt_out_words}, {"handoff": settings.handoff_payloads})

    def intent(self, params: Mapping[str, str]) -> Intent | None:
        """Return what a message with these Twilio parameters commands; None for an ordinary one."""
        if kind := _OPT_OUT_TYPES.get(params.get("OptOutType", "").upper()):
            return Intent(kind, replied=True)
        text = next((said for name in _TEXTS if (said := params.get(name, ""))), "")
        payload = params.get("ButtonPayload") or params.get("ListId") or ""
        found = self._of_tap(text, payload) if payload else _find(self._phrases, text)
        return Intent(found) if found else None

    def _of_tap(self, text: str, payload: str) -> Kind | None:
        """Return what a tap commands: its payload decides, as the button's text may answer a question.

        An opt-out counts however it is said. If a button has no payload, Twilio sends its text as one:
        then the text was chosen.
        """
        if found := _find(self._payloads, payload) or _find(self._phrases, payload):
            return found
        return "stop" if _find(self._phrases, text) == "stop" else None


def _by_phrase(commands: Mapping[Kind, str]) -> dict[str, Kind]:
    return {
        words: kind
        for kind, phrases in commands.items()
        for phrase in phrases.split(",")
        if (words := normalised(phrase))
    }


def _find(kinds: Mapping[str, Kind], text: str) -> Kind | None:
    return kinds.get(normalised(text)) if len(text) <= _LONGEST else None


def normalised(text: str) -> str:
    """Return only a text's words: `  ¡Cancelár!  ` → `cancelar`."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = (char if char.isalnum() else " " for char in decomposed if not unicodedata.combining(char))
    return " ".join("".join(letters).split())


def checksum(content: str) -> str | None:
    """Return what tells these words from others; nobody can read the words out of it.

    None for what is never taken for the same: a number, a file or place, a reply to a
    message, nothing but signs.
    """
    words = normalised(content)
    if not words or content.startswith("[") or any(char.isnumeric() for char in content):
        return None
    return f"{zlib.crc32(words.encode()):08x}"
