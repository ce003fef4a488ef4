"""How the agent asks for a person or ends the conversation: client tool, phrase, end-of-call tool. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.settings import NO_TEXT, Settings

_RESULT = "A person of the team takes over this chat. Say so in one sentence and say nothing more."
"""What the agent is told when it uses the tool."""


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer comes to."""

    text: str  #: what the client gets
    #: the conversation's status afterwards; None if unchanged
    then: Literal["closed", "escalated"] | None = None


class Handoff:
    """The configured ways to hand off. `tools`: names of the client tools, with what the agent is told."""

    def __init__(self, settings: Settings) -> None:
        self.tools = {name: _RESULT for part in settings.handoff_tools.split(",") if (name := part.strip())}
        self._phrase = settings.handoff_phrase
        self._text = "" if settings.handoff_text == NO_TEXT else settings.handoff_text

    def read(self, text: str, *, tools: Sequence[str], ended: bool) -> Said:
        """Return what an answer comes to.

        The phrase is for us and is not shown; a hand-off without words gets ours.
        """
        shown = text
        if self._phrase and self._phrase in text:
            shown = text.replace(self._phrase, "").strip()
        elif not any(tool in self.tools for tool in tools):
            return Said(text, "closed" if ended else None)
        return Said(shown or self._text, "escalated")
