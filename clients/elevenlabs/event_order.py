"""Which of the agent's events belong to the answer to our question. Pure.

The vendor numbers a conversation's events, and the greeting is the first of them. An agent whose settings do
not let us suppress the greeting may still greet: before our question, while it is being answered, or after
the answer. So what came before the question, and what has a lower number than that, is no answer. If nothing
came before the question, the event with the first number may be a greeting or an answer; only its words tell.
"""

from enum import Enum

from clients.vendor_json import Json, child, words

_FIRST = 1
_INTERRUPTION = "interruption"
_COMPLETE = "agent_response_complete"
# Only these are known to share one numbering; pings have their own.
_NUMBERED = {
    "agent_response": "agent_response_event",
    "agent_response_correction": "agent_response_correction_event",
    "agent_chat_response_part": "text_response_part",
    _COMPLETE: "agent_response_complete_event",
    _INTERRUPTION: "interruption_event",
}


class Origin(Enum):
    """What an agent's event belongs to."""

    EARLIER = "earlier"
    FIRST = "first"  # the conversation's first event: a greeting, or an answer
    ANSWER = "answer"


class EventOrder:
    """One conversation's events, in the order of their arrival."""

    def __init__(self) -> None:
        self._earlier = 0
        self._newest = 0
        self._is_first_ours = False

    def precede(self, event: Json) -> None:
        """Take an event from before the question; only for what was said does the number count."""
        if words(event, "type") != _COMPLETE:
            self._earlier = max(self._earlier, _number(event) or 0)

    def origin(self, event: Json) -> Origin:
        """Return what an event after the question belongs to. Events without a number are the answer's."""
        number = _number(event)
        if words(event, "type") == _INTERRUPTION:
            self.precede(event)
        if number is None:
            return Origin.ANSWER
        if number <= self._earlier or number < self._newest:
            return Origin.EARLIER
        if number <= _FIRST and not self._is_first_ours:
            return Origin.FIRST
        self._newest = number
        return Origin.ANSWER

    def judge_first(self, *, is_greeting: bool) -> None:
        """Take note of what the first event's words turned out to be."""
        self._is_first_ours = not is_greeting
        if is_greeting:
            self._earlier = max(self._earlier, _FIRST)


def _number(event: Json) -> int | None:
    found = child(event, _NUMBERED.get(words(event, "type"), "")).get("event_id")
    return found if isinstance(found, int) and not isinstance(found, bool) else None
