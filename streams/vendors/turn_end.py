"""When an agent's text turn is complete. Pure: fed with events and the time since the agent's last output.

Several `agent_response` in one turn are normal, parts may come before or after them, tools may run between (the vendor's
own client and mock server show each of these).
"""

from dataclasses import dataclass, field
from typing import Any

QUIET_SECONDS = 1.5
"""Silence after an answer that ends the turn where `agent_response_complete` is not enabled on the agent."""


@dataclass(slots=True)
class TurnEnd:
    """Collects one turn's texts."""

    texts: list[str] = field(default_factory=list)
    deltas: list[str] = field(default_factory=list)
    open_parts: int = 0
    open_tools: set[str] = field(default_factory=set)
    complete: bool = False

    def feed(self, event: dict[str, Any]) -> bool:
        """Take one event; True when it was the agent's output, which restarts the silence."""
        handler = _HANDLERS.get(str(event.get("type")))
        if handler is None:
            return False
        handler(self, event)
        return True

    def quiet_ends(self) -> bool:
        """Tell whether silence now means that the turn is over."""
        return bool(self.text) and self.open_parts == 0 and not self.open_tools

    @property
    def text(self) -> str:
        """The answer so far: whole responses, or the streamed parts where no response came."""
        return "\n\n".join(self.texts) or "".join(self.deltas).strip()


def _response(turn: TurnEnd, event: dict[str, Any]) -> None:
    text = str(event["agent_response_event"]["agent_response"]).strip()
    if text:
        turn.texts.append(text)


def _correction(turn: TurnEnd, event: dict[str, Any]) -> None:
    change = event["agent_response_correction_event"]
    old = str(change["original_agent_response"]).strip()
    turn.texts = [change["corrected_agent_response"].strip() if text == old else text for text in turn.texts]


def _part(turn: TurnEnd, event: dict[str, Any]) -> None:
    part = event["text_response_part"]
    turn.open_parts += {"start": 1, "stop": -1}.get(part["type"], 0)
    turn.deltas.append(part.get("text") or "")


def _tool_request(turn: TurnEnd, event: dict[str, Any]) -> None:
    turn.open_tools.add(event["agent_tool_request"]["tool_call_id"])


def _tool_response(turn: TurnEnd, event: dict[str, Any]) -> None:
    turn.open_tools.discard(event["agent_tool_response"]["tool_call_id"])


def _complete(turn: TurnEnd, event: dict[str, Any]) -> None:
    turn.complete = bool(turn.text)


_HANDLERS = {
    "agent_response": _response,
    "agent_response_correction": _correction,
    "agent_chat_response_part": _part,
    "agent_tool_request": _tool_request,
    "agent_tool_response": _tool_response,
    "agent_response_complete": _complete,
}
