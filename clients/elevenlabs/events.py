"""The WebSocket's events besides the answer: the start, what must be answered, how it closed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from clients.agent import Question
from clients.elevenlabs.context_text import context_text, variables
from clients.elevenlabs.errors import OUT_OF_CREDITS, VENDOR
from clients.elevenlabs.overrides import as_json
from clients.http import CREDENTIALS_PAUSE_SECONDS
from clients.vendor_json import Json, child, words
from schemas.errors import AccountRefused, RetryableError, TerminalError, VendorError

NORMAL_CLOSE = 1000
REFUSED_CLOSE = 1008
LOST_CLOSE = 1006
"""Sent by nobody: the connection was lost without a close frame."""
# 1002 operational, 1011 internal, 3000 rejected, 3008 too many at once: none of these is about our overrides.
_PASSING_CLOSES = frozenset({1002, 1011, 3000, 3008})
# These turn a conversation away before it has begun: asking again at once would only add to the crowd.
_TURNED_AWAY = frozenset({3000, 3008})

_IN_WORDS = ("quota", "credit")


class OverrideRefused(TerminalError):
    """The agent's settings do not allow our overrides."""


class AgentSilent(RetryableError):
    """The conversation brought no text: a known flake of text-only starts, worth one fresh try at once."""


class AnswerBrokenOff(RetryableError):
    """The agent's side ended the conversation cleanly, but in the middle of its answer."""


class NeverAnswered(TerminalError):
    """The agent ended one conversation after another within its answer: asking again is no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """How a socket closed. `code` None: without a close frame; `kind`, `why`: of an `error` event before."""

    code: int | None
    kind: str = ""
    why: str = ""

    def error(self, *, overridden: bool) -> VendorError:
        """Return the error for a close without an answer. `overridden`: overrides were sent."""
        why = " ".join(part for part in (self.kind, self.why) if part) or "closed without an answer"
        if self.is_out_of_credits:
            return AccountRefused(VENDOR, why, OUT_OF_CREDITS, CREDENTIALS_PAUSE_SECONDS)
        if self.code == REFUSED_CLOSE:
            of_override = not (self.kind or self.why) or "override" in why.lower()
            wanted = OverrideRefused if overridden and of_override else TerminalError
            return wanted(VENDOR, why, self.code)
        return (RetryableError if self.code in _TURNED_AWAY else AgentSilent)(VENDOR, why, self.code)

    def may_be_overrides(self) -> bool:
        """Return whether a close before the start may be about overrides; not all say so (packages#337)."""
        return self.code not in _PASSING_CLOSES and not self.kind and not self.is_out_of_credits

    @property
    def is_out_of_credits(self) -> bool:
        """Whether the workspace's account is empty, which looks like the end of the conversation."""
        said = f"{self.kind} {self.why}".lower()
        return any(word in said for word in _IN_WORDS)


def start(question: Question, overrides: frozenset[str]) -> Json:
    """Return the first event, which must precede everything else. Empty parts are left out."""
    event: Json = {
        "type": "conversation_initiation_client_data",
        "dynamic_variables": variables(question.context),
        "user_id": question.user_id,
        "conversation_config_override": as_json(overrides),
    }
    return {name: value for name, value in event.items() if value}


def context(question: Question) -> Json:
    """Return the background. Nothing answers it, and a later one under the same id replaces it."""
    return {"type": "contextual_update", "text": context_text(question.context), "context_id": "history"}


def answer_to(event: Json, tools: Mapping[str, str]) -> Json | None:
    """Return the answer that the agent would wait for after an event, if any. `tools`: see `Question`."""
    kind = event.get("type")
    if kind == "ping":
        return {"type": "pong", "event_id": child(event, "ping_event").get("event_id")}
    if kind == "client_tool_call" and (call := child(event, "client_tool_call")):
        name = words(call, "tool_name")
        result = tools.get(name) or f"Tool '{name}' is not available in a text conversation"
        answer = {"tool_call_id": call.get("tool_call_id"), "result": result, "is_error": name not in tools}
        return {"type": "client_tool_result"} | answer
    call = child(event, "mcp_tool_call") if kind == "mcp_tool_call" else {}
    if call.get("state") == "awaiting_approval":  # nobody is there to approve
        return {
            "type": "mcp_tool_approval_result",
            "tool_call_id": call.get("tool_call_id"),
            "is_approved": False,
        }
    return None


def conversation_id(event: Json) -> str | None:
    """Return the id that the first server event carries; None for other events."""
    if event.get("type") != "conversation_initiation_metadata":
        return None
    return words(child(event, "conversation_initiation_metadata_event"), "conversation_id")
