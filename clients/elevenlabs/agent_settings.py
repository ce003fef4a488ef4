"""What an agent's own settings mean for text conversations (`GET /v1/convai/agents/{id}`). Pure."""

import re
from collections.abc import Iterator

from clients.agent import CallContext
from clients.elevenlabs.context_text import variables
from clients.elevenlabs.overrides import FIRST_MESSAGE, TEXT_ONLY
from clients.vendor_json import Json, child, words

# The variables of a conversation that does not follow a call.
_OUR_VARIABLES = variables(CallContext()).keys()
_ALLOW = "allow it in the agent's Security settings, Overrides"
_ENABLE = "add it to the client events of the agent's Advanced settings"
_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_VARIABLE = re.compile(r"\{\{[^{}]*\}\}")
_BROKEN_OFF = " .…-"
_SYSTEM = "system__"
_TOOL_KEYS = ("tools", "tool_ids", "mcp_server_ids", "native_mcp_server_ids")


def agent_problems(agent: Json, *, has_call: bool) -> list[tuple[str, str]]:
    """Return problems and what to do about each. `has_call`: conversations have a call's variables."""
    return [*_events(agent), *_overrides(agent), *(() if has_call else _variables(agent))]


def is_greeting(agent: Json, text: str) -> bool:
    """Return whether a text is the agent's first message or its beginning; its variables match anything."""
    said = " ".join(text.split())
    first, *more = (
        " ".join(piece.split()) for piece in _VARIABLE.split(words(_agent(agent), "first_message"))
    )
    if not said or not (first or any(more)):
        return False
    if first.startswith(said.rstrip(_BROKEN_OFF)):
        return True
    at = len(first)
    for piece in more:
        at = said.find(piece, at) + len(piece)
        if at < len(piece):
            return False
    ends_in_variable = bool(more) and not more[-1]
    return said.startswith(first) and (at == len(said) or ends_in_variable)


def _events(agent: Json) -> Iterator[tuple[str, str]]:
    """The vendor sends only events listed in `client_events`; without such a list, its own defaults."""
    listed = child(child(agent, "conversation_config"), "conversation").get("client_events")
    if not isinstance(listed, list):
        return
    events = set(map(str, listed))
    if "agent_response" not in events:
        found = "client event agent_response is off: "
        if "agent_chat_response_part" in events:
            yield f"{found}answers are put together from their parts, without corrections", _ENABLE
        else:
            yield f"{found}no answer is ever received, clients get APOLOGY_TEXT", _ENABLE
    if "agent_response_complete" not in events:
        yield "client event agent_response_complete is off: each answer is sent 1.5 s later", _ENABLE
    if not _has_tools(agent):
        return
    if not events >= {"agent_tool_request", "agent_tool_response"}:
        found = "client events agent_tool_request and agent_tool_response are off: "
        yield f"{found}what is said after a slow tool is lost", _ENABLE.replace("it", "them", 1)
    if "client_tool_call" not in events:
        yield "client event client_tool_call is off: the agent cannot hand over by HANDOFF_TOOLS", _ENABLE


def _has_tools(agent: Json) -> bool:
    prompt = child(_agent(agent), "prompt")
    return any(prompt.get(key) for key in _TOOL_KEYS)


def _overrides(agent: Json) -> Iterator[tuple[str, str]]:
    platform = child(agent, "platform_settings")
    allowed = child(child(platform, "overrides"), "conversation_config_override")
    is_text_only = child(child(agent, "conversation_config"), "conversation").get("text_only") is True
    if not is_text_only and not _is_allowed(allowed, TEXT_ONLY):
        yield (
            f"override {TEXT_ONLY} is refused: done without, at the price of voice",
            f"{_ALLOW}, or make the agent text only",
        )
    if words(_agent(agent), "first_message") and not _is_allowed(allowed, FIRST_MESSAGE):
        yield (
            f"override {FIRST_MESSAGE} is refused: "
            "the agent greets each time, which is waited for and left out",
            _ALLOW,
        )


def _is_allowed(allowed: Json, name: str) -> bool:
    group, _, field = name.partition(".")
    return child(allowed, group).get(field) is True


def _variables(agent: Json) -> Iterator[tuple[str, str]]:
    said = f"{words(_agent(agent), 'first_message')} {words(child(_agent(agent), 'prompt'), 'prompt')}"
    needed = {name for name in _PLACEHOLDER.findall(said) if not name.startswith(_SYSTEM)} - _OUR_VARIABLES
    if needed:
        found = f"needs {', '.join(sorted(needed))}, which a conversation without a call lacks"
        yield (
            f"{found}: it is refused (1008)",
            "use another agent for UNKNOWN_NUMBER_AGENT_ID, or take them out of its prompt",
        )


def _agent(agent: Json) -> Json:
    return child(child(agent, "conversation_config"), "agent")
