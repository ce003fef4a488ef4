"""Messages that are commands to us: no more messages, messages again, a person please. Pure.

A command is the whole message; case, accents, punctuation, signs and spaces around do not count. Where Twilio's Advanced
Opt-Out has recognised one (`OptOutType`: STOP, START, HELP), Twilio has answered it as well.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from schemas.settings import Settings

Kind = Literal["stop", "start", "help", "handoff"]

# A command is a few words; whatever is longer is not even looked at.
_LONGEST = 80
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

    def __init__(self, commands: Mapping[Kind, str]) -> None:
        """`commands`: by kind, a list of words or phrases separated by commas."""
        self._kinds = {
            normalised(phrase): kind
            for kind, phrases in commands.items()
            for phrase in phrases.split(",")
            if normalised(phrase)
        }

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls({"handoff": settings.handoff_words, "start": settings.opt_in_words, "stop": settings.opt_out_words})

    def intent(self, params: Mapping[str, str]) -> Intent | None:
        """Give what a message with these parameters of Twilio's commands; None for an ordinary one."""
        if kind := _OPT_OUT_TYPES.get(params.get("OptOutType", "").upper()):
            return Intent(kind, replied=True)
        text = params.get("Body", "") or params.get("ButtonText", "")
        if not text or len(text) > _LONGEST:
            return None
        found = self._kinds.get(normalised(text))
        return Intent(found) if found else None


def normalised(text: str) -> str:
    """Give a text's words alone: `  ¡Cancelár!  ` → `cancelar`."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = (char if char.isalnum() else " " for char in decomposed if not unicodedata.combining(char))
    return " ".join("".join(letters).split())
