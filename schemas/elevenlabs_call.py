"""A call as ElevenLabs reports it: `GET /v1/convai/conversations/{id}`, or its post-call webhook's data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from schemas.events import COMPLETED

Json = dict[str, Any]

_RESERVED: Final = "system__"
"""Dynamic variables with this prefix are ElevenLabs' own and must not be passed back."""
_LONGEST_CALL_SECONDS: Final = 366 * 24 * 3600
_UNFINISHED: Final = frozenset({"initiated", "in-progress", "in_progress", "processing"})
FAILED: Final = "failed"
VOICEMAIL: Final = "voicemail"
# Values of `phone_call.call_result` for calls whose recipient status merely says failed.
_NOT_TAKEN: Final = frozenset({"no_answer", "busy"})
_VOICEMAIL_TOOL: Final = "voicemail_detection"
# Characters kept. Of a transcript the newest: five times what an agent is told, for people who look it up. Of
# variables the first: a prompt's are some dozens of words. A summary is a paragraph.
_LONGEST_KEPT = 20_000
_LONGEST_SUMMARY = 10_000
# What a turn takes besides its words.
_TURN_OVERHEAD = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetails:
    """What ElevenLabs knows about a call."""

    summary: str | None
    #: Whole seconds.
    duration_secs: int | None
    transcript: list[tuple[str, str]]
    dynamic_variables: Json
    #: An open set; `done` at the end.
    status: str = ""
    agent_name: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.summary is not None and self.duration_secs is not None

    def kept(self) -> Json:
        """Return what is stored for later turns; of a very long transcript, the newest.

        `left_out`: how much is not stored.
        """
        transcript, variables = self._newest_turns(), _first_variables(self.dynamic_variables)
        left_out = {
            "turns": len(self.transcript) - len(transcript),
            "variables": len(self.dynamic_variables) - len(variables),
        }
        kept = {"summary": self.summary, "transcript": transcript, "dynamic_variables": variables}
        return kept | ({"left_out": left_out} if any(left_out.values()) else {})

    def _newest_turns(self) -> list[tuple[str, str]]:
        kept, left = [], _LONGEST_KEPT
        for role, text in reversed(self.transcript):
            left -= len(role) + len(text) + _TURN_OVERHEAD
            if left < 0:
                break
            kept.append((role, text))
        return kept[::-1]


def details(answer: Json) -> CallDetails | None:
    """Read a conversation; None while an unfinished one shows neither summary nor transcript."""
    summary = _words(_child(answer, "analysis"), "transcript_summary")[:_LONGEST_SUMMARY] or None
    transcript, status = _transcript(answer.get("transcript")), _words(answer, "status")
    if status in _UNFINISHED and not summary and not transcript:
        return None
    variables = _child(_child(answer, "conversation_initiation_client_data"), "dynamic_variables")
    return CallDetails(
        summary=summary,
        duration_secs=_seconds(_child(answer, "metadata").get("call_duration_secs")),
        transcript=transcript,
        dynamic_variables=own_variables(variables),
        status=status,
        agent_name=_words(answer, "agent_name") or None,
    )


def ended_as(told: str, answer: Json) -> str:
    """Return how a call ended, as a recipient's status, judging by its conversation.

    `told`: its status in a list or webhook. There a call that met a voicemail is completed,
    and one that nobody took has failed.
    """
    if told in (COMPLETED, FAILED) and _met_voicemail(answer):
        return VOICEMAIL
    result = _call_result(answer)
    return result if told == FAILED and result in _NOT_TAKEN else told


def _call_result(answer: Json) -> str:
    return _words(_child(_child(answer, "metadata"), "phone_call"), "call_result")


def _met_voicemail(answer: Json) -> bool:
    """Return whether a machine took the call, by the carrier's result, the agent's tool or why it ended."""
    metadata = _child(answer, "metadata")
    used = _child(_child(metadata, "features_usage"), _VOICEMAIL_TOOL).get("used") is True
    return (
        _call_result(answer) == VOICEMAIL
        or used
        or VOICEMAIL in _words(metadata, "termination_reason").lower()
        or _VOICEMAIL_TOOL in _tools(answer.get("transcript"))
    )


def _tools(turns: object) -> Iterator[str]:
    """Yield the names of the tools that a transcript mentions."""
    for turn in turns if isinstance(turns, list) else []:
        for key in ("tool_calls", "tool_results"):
            listed = turn.get(key) if isinstance(turn, dict) else None
            yield from (_words(each, "tool_name") for each in listed or [] if isinstance(each, dict))


def _seconds(duration: object) -> int | None:
    """Read a duration; None if it cannot be one. The limit, a year, exceeds any call and fits the column."""
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        return None
    return int(duration) if 0 <= duration <= _LONGEST_CALL_SECONDS else None


def own_variables(variables: Json) -> Json:
    """Keep what may be passed to a new conversation: strings, numbers and booleans under names of our own."""
    return {
        name: value
        for name, value in variables.items()
        if isinstance(value, str | int | float) and not name.startswith(_RESERVED)
    }


def _first_variables(variables: Json) -> Json:
    """Return the variables that fit; one that does not is left out whole, because half a value misleads."""
    kept, left = {}, _LONGEST_KEPT
    for name, value in variables.items():
        size = len(name) + len(str(value))
        if size <= left:
            kept[name] = value
            left -= size
    return kept


def is_text_only(answer: Json) -> bool:
    """Return whether it is a text conversation, such as we hold ourselves, rather than a call that ended."""
    override = _child(_child(answer, "conversation_initiation_client_data"), "conversation_config_override")
    flags = _child(answer, "metadata").get("text_only"), _child(override, "conversation").get("text_only")
    return True in flags


def _transcript(turns: object) -> list[tuple[str, str]]:
    """Return (role, text) of each turn that said something; tool turns have no message."""
    listed = turns if isinstance(turns, list) else []
    told = [turn for turn in listed if isinstance(turn, dict) and _words(turn, "message")]
    return [(_words(turn, "role"), _words(turn, "message")) for turn in told]


def _child(parsed: Json, key: str) -> Json:
    found = parsed.get(key)
    return found if isinstance(found, dict) else {}


def _words(parsed: Json, key: str) -> str:
    found = parsed.get(key)
    return found.strip() if isinstance(found, str) else ""
