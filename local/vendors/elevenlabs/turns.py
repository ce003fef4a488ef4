"""One answer of the simulated agent as socket events, in the orders the vendor's own clients expect. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
_TOOL_CALL = "tool_call_1"
_BEFORE_TOOL = "Un momento, lo reviso."


@dataclass(frozen=True, slots=True)
class Send:
    """Send one event."""

    event: Json


@dataclass(frozen=True, slots=True)
class AwaitTool:
    """Wait for the client's tool result, then go on."""

    tool_call_id: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket. Code None cuts the connection without a close frame."""

    code: int | None
    reason: str = ""


Step = Send | AwaitTool | Close


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPlan:
    """What to play."""

    reply: str
    event_id: int
    #: One of `_SHAPES`.
    shape: str = "parts"
    #: A tool that the agent uses.
    tool: str = ""
    #: Whether the tool runs at ElevenLabs.
    system: bool = False
    events: frozenset[str] = frozenset()


def steps(plan: TurnPlan) -> Iterator[Step]:
    """Return the steps of a turn, without events that the agent's `client_events` leave out."""
    for step in _unfiltered(plan):
        if not isinstance(step, Send) or step.event["type"] in plan.events:
            yield step


def _unfiltered(plan: TurnPlan) -> Iterator[Step]:
    if plan.tool == "end_call":
        yield from _end_call(plan)
    elif plan.tool and plan.system:
        yield from _system_tool(plan)
    elif plan.tool:
        yield from _client_tool(plan)
    else:
        yield from _SHAPES[plan.shape](plan)
        yield Send(
            {"type": "agent_response_complete", "agent_response_complete_event": {"event_id": plan.event_id}}
        )


def _parts(plan: TurnPlan) -> Iterator[Step]:
    yield from (_part(plan, "start"), *_deltas(plan), _response(plan, plan.reply), _part(plan, "stop"))


def _stop_first(plan: TurnPlan) -> Iterator[Step]:
    yield from (_part(plan, "start"), *_deltas(plan), _part(plan, "stop"), _response(plan, plan.reply))


def _whole(plan: TurnPlan) -> Iterator[Step]:
    yield _response(plan, plan.reply)


def _only_parts(plan: TurnPlan) -> Iterator[Step]:
    yield from (_part(plan, "start"), *_deltas(plan), _part(plan, "stop"))


def _two(plan: TurnPlan) -> Iterator[Step]:
    half = len(plan.reply) // 2
    yield from (_response(plan, plan.reply[:half]), _response(plan, plan.reply[half:]))


def _corrected(plan: TurnPlan) -> Iterator[Step]:
    wrong = f"{plan.reply} Y además te regalo un carro."
    yield _response(plan, wrong)
    change = {
        "original_agent_response": wrong,
        "corrected_agent_response": plan.reply,
        "event_id": plan.event_id,
    }
    yield Send({"type": "agent_response_correction", "agent_response_correction_event": change})


def _cut_within(plan: TurnPlan) -> Iterator[Step]:
    yield from (_part(plan, "start"), _part(plan, "delta", plan.reply[: len(plan.reply) // 2]), Close(None))


def _cut_after(plan: TurnPlan) -> Iterator[Step]:
    yield from (_response(plan, plan.reply), Close(None))


def _closed_after(plan: TurnPlan) -> Iterator[Step]:
    yield from (_response(plan, plan.reply), Close(1000))


def _closed_within(plan: TurnPlan) -> Iterator[Step]:
    yield from (_part(plan, "start"), _part(plan, "delta", plan.reply[: len(plan.reply) // 2]), Close(1000))


def _empty(plan: TurnPlan) -> Iterator[Step]:
    yield _response(plan, "")


def _noisy(plan: TurnPlan) -> Iterator[Step]:
    """Add events that a text conversation has no use for, and one that nobody knows."""
    for name in ("vad_score", "internal_tentative_agent_response", "context_usage", "no_such_event"):
        yield Send({"type": name, f"{name}_event": {"event_id": plan.event_id}})
    yield from _parts(plan)


_SHAPES = {
    "parts": _parts,
    "stop-first": _stop_first,
    "whole": _whole,
    "only-parts": _only_parts,
    "two": _two,
    "corrected": _corrected,
    "cut-within": _cut_within,
    "cut-after": _cut_after,
    "closed-after": _closed_after,
    "closed-within": _closed_within,
    "empty": _empty,
    "noisy": _noisy,
}
SHAPES = frozenset(_SHAPES)
_NOISE = frozenset({"vad_score", "internal_tentative_agent_response", "context_usage", "no_such_event"})
ALWAYS_SENT = _NOISE | {"conversation_initiation_metadata", "mcp_tool_call"}


def _client_tool(plan: TurnPlan) -> Iterator[Step]:
    """Call a tool of the client's. The agent waits until the client answers the call."""
    call = {
        "tool_name": plan.tool,
        "tool_call_id": _TOOL_CALL,
        "event_id": plan.event_id,
        "parameters": {"reason": "El cliente lo pidió"},
        "expects_response": True,
    }
    yield from (_response(plan, _BEFORE_TOOL), Send({"type": "client_tool_call", "client_tool_call": call}))
    yield AwaitTool(_TOOL_CALL)
    yield from _whole(plan)
    yield Send(
        {"type": "agent_response_complete", "agent_response_complete_event": {"event_id": plan.event_id}}
    )


def _system_tool(plan: TurnPlan) -> Iterator[Step]:
    """Send two responses with the same event id, with the tool between them."""
    yield from (
        _part(plan, "start"),
        _response(plan, _BEFORE_TOOL),
        _tool(plan, "request"),
        _part(plan, "stop"),
    )
    yield _tool(plan, "response")
    yield from _parts(plan)
    yield Send(
        {"type": "agent_response_complete", "agent_response_complete_event": {"event_id": plan.event_id}}
    )


def _end_call(plan: TurnPlan) -> Iterator[Step]:
    yield from (_part(plan, "start"), _response(plan, plan.reply), _part(plan, "stop"))
    yield from (_tool(plan, "request"), _tool(plan, "response"), Close(1000))


def _tool(plan: TurnPlan, kind: str) -> Send:
    call = {
        "tool_name": plan.tool,
        "tool_call_id": _TOOL_CALL,
        "tool_type": "system",
        "event_id": plan.event_id,
    }
    if kind == "response":
        call |= {"is_error": False, "is_called": True}
    return Send({"type": f"agent_tool_{kind}", f"agent_tool_{kind}": call})


def _deltas(plan: TurnPlan) -> list[Send]:
    half = len(plan.reply) // 2
    return [_part(plan, "delta", plan.reply[:half]), _part(plan, "delta", plan.reply[half:])]


def _part(plan: TurnPlan, kind: str, text: str = "") -> Send:
    part = {"type": kind, "text": text, "event_id": plan.event_id}
    return Send({"type": "agent_chat_response_part", "text_response_part": part})


def _response(plan: TurnPlan, text: str) -> Send:
    return Send(response(text, plan.event_id))


def response(text: str, event_id: int) -> Json:
    """Return the event that carries one whole message."""
    return {"type": "agent_response", "agent_response_event": {"agent_response": text, "event_id": event_id}}
