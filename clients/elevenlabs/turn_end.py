"""When an agent's text turn is complete. A pure state machine: fed events and times, it says when.

The vendor has no reliable end of turn: `agent_response_complete` must be enabled on the agent. Several
`agent_response` in one turn are normal; parts may come before or after them, or not at all; tools may run in
between. The vendor's own client and mock server show each of these.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from clients.vendor_json import Json, child, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How many seconds a conversation waits for its agent."""

    start: float = 10.0
    """The handshake is checked against the workspace's concurrency and may be queued there (queue_status)."""
    greeting: float = 3.0
    """A first message that we could not switch off comes within this, or not at all."""
    quiet: float = 1.5
    """Silence after an answer that ends the turn if `agent_response_complete` is not enabled on the agent."""
    silent: float = 20.0
    """If there is no output by then, none will come: the vendor itself gives up at 20 s (llm_timeout)."""
    turn: float = 30.0
    """The longest turn, tools included."""


_END_CALL = "end_call"
_MCP_RUNNING = frozenset({"loading", "awaiting_approval"})


@dataclass(slots=True)
class TurnEnd:
    """The texts and the end of one turn. Times are seconds of one monotonic clock."""

    asked_at: float  # when the question was sent
    waits: Waits = Waits()
    texts: list[str] = field(default_factory=list)
    client_tools: list[str] = field(default_factory=list)  # names of those that the agent used
    complete: bool = False
    ended: bool = False  # the agent ended the conversation by its tool
    _streamed: list[str] = field(default_factory=list)  # texts of streams that stopped
    _stream: list[str] | None = None  # parts of the open stream
    _tools: dict[str, str] = field(default_factory=dict)  # running ones: id and name
    _output_at: float | None = None
    _responded: bool = False  # with a text, even an empty one

    def feed(self, event: Json, at: float) -> None:
        """Take an event that arrived at `at`. Only the agent's output restarts the silence, not pings etc."""
        handler = _HANDLERS.get(words(event, "type"))
        if handler is not None:
            handler(self, event)
            self._output_at = at

    def ends_at(self) -> float:
        """Return when the turn is over if nothing more arrives."""
        deadline = self.asked_at + self.waits.turn
        if self._output_at is None:
            return self.asked_at + self.waits.silent
        return min(deadline, self._output_at + self.waits.quiet) if self.settled else deadline

    @property
    def settled(self) -> bool:
        """Whether there is an answer, and nothing that has begun is still open."""
        return bool(self.text) and self._stream is None and not self._tools

    @property
    def has_begun(self) -> bool:
        """Whether the agent has said or done anything."""
        return self._output_at is not None

    @property
    def is_whole_at_end(self) -> bool:
        """Whether the answer is whole if the agent says no more; its end-of-call tool may never return."""
        return bool(self.texts or self.settled) and set(self._tools.values()) <= {_END_CALL}

    @property
    def is_ending(self) -> bool:
        """Whether the agent is using its end-of-call tool, or has used it."""
        return self.ended or _END_CALL in self._tools.values()

    @property
    def text(self) -> str:
        """The answer so far: whole responses, or completed streams if no response came."""
        return "\n\n".join(self.texts or self._streamed)

    def _response(self, event: Json) -> None:
        self._responded = True
        if text := words(child(event, "agent_response_event"), "agent_response"):
            self.texts.append(text)

    def _correction(self, event: Json) -> None:
        change = child(event, "agent_response_correction_event")
        old, new = words(change, "original_agent_response"), words(change, "corrected_agent_response")
        self.texts = [kept for text in self.texts if (kept := new if text == old else text)]

    def _part(self, event: Json) -> None:
        part = child(event, "text_response_part")
        if part.get("type") == "start" or self._stream is None:
            self._stream = []
        self._stream.append(str(part.get("text") or ""))
        if part.get("type") == "stop":
            text = "".join(self._stream).strip()
            self._streamed += [text] if text else []
            self._stream = None

    def _tool_request(self, event: Json) -> None:
        call = child(event, "agent_tool_request")
        self._tools[words(call, "tool_call_id")] = words(call, "tool_name")

    def _tool_response(self, event: Json) -> None:
        answer = child(event, "agent_tool_response")
        self._tools.pop(words(answer, "tool_call_id"), None)
        if words(answer, "tool_name") == _END_CALL and not answer.get("is_error"):
            self.ended = True
            self.complete = bool(self.text)

    def _mcp(self, event: Json) -> None:
        call = child(event, "mcp_tool_call")
        identity = words(call, "tool_call_id")
        if words(call, "state") in _MCP_RUNNING:
            self._tools[identity] = words(call, "tool_name")
        else:
            self._tools.pop(identity, None)

    def _client_tool(self, event: Json) -> None:
        """Note a client tool, which is answered at once; the agent goes on from there."""
        self.client_tools.append(words(child(event, "client_tool_call"), "tool_name"))

    def _end(self, event: Json) -> None:
        # Without a response it ends something earlier (the first message); while a tool runs, nothing.
        self.complete = (bool(self.text) or self._responded) and not self._tools


_HANDLERS: dict[str, Callable[[TurnEnd, Json], None]] = {
    "agent_response": TurnEnd._response,
    "agent_response_correction": TurnEnd._correction,
    "agent_chat_response_part": TurnEnd._part,
    "agent_tool_request": TurnEnd._tool_request,
    "agent_tool_response": TurnEnd._tool_response,
    "mcp_tool_call": TurnEnd._mcp,
    "client_tool_call": TurnEnd._client_tool,
    "agent_response_complete": TurnEnd._end,
}
