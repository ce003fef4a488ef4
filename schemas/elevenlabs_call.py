"""A call as ElevenLabs tells of it: by `GET /v1/convai/conversations/{id}`, and as the data of its post-call webhook."""

from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]

_RESERVED: Final = "system__"
"""Dynamic variables under this prefix are ElevenLabs' own and may not be given back."""
_UNFINISHED: Final = frozenset({"initiated", "in-progress", "in_progress", "processing"})
# What is kept of a transcript, the newest of it: five times what an agent is told of one, for people who look it up.
_LONGEST_KEPT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetails:
    """What ElevenLabs knows of a call. `duration_secs`: whole seconds; `status`: an open set, `done` at the end."""

    summary: str | None
    duration_secs: int | None
    transcript: list[tuple[str, str]]
    dynamic_variables: Json
    status: str = ""
    agent_name: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.summary is not None and self.duration_secs is not None

    def noted(self, conversation_id: str) -> Json:
        """Give what the database is told of a call (`wm_call_details`)."""
        return {
            "elevenlabs_conversation_id": conversation_id,
            "summary": self.summary,
            "duration_secs": self.duration_secs,
            "details": self.kept(),
            "is_whole": self.is_whole,
        }

    def kept(self) -> Json:
        """Give what is stored for the turns to come; of a very long transcript the newest."""
        kept, left = [], _LONGEST_KEPT
        for role, text in reversed(self.transcript):
            left -= len(text)
            if left < 0:
                break
            kept.append((role, text))
        return {"summary": self.summary, "transcript": kept[::-1], "dynamic_variables": self.dynamic_variables}


def details(answer: Json) -> CallDetails | None:
    """Read a conversation; None while an unfinished one shows neither summary nor transcript."""
    summary = _words(_child(answer, "analysis"), "transcript_summary") or None
    transcript, status = _transcript(answer.get("transcript")), _words(answer, "status")
    if status in _UNFINISHED and not summary and not transcript:
        return None
    duration = _child(answer, "metadata").get("call_duration_secs")
    variables = _child(_child(answer, "conversation_initiation_client_data"), "dynamic_variables")
    return CallDetails(
        summary=summary,
        duration_secs=int(duration) if isinstance(duration, int | float) else None,
        transcript=transcript,
        dynamic_variables=own_variables(variables),
        status=status,
        agent_name=_words(answer, "agent_name") or None,
    )


def own_variables(variables: Json) -> Json:
    """Keep what may be given to a new conversation: texts, numbers and booleans under names of our own."""
    return {
        name: value
        for name, value in variables.items()
        if isinstance(value, str | int | float) and not name.startswith(_RESERVED)
    }


def is_text_only(answer: Json) -> bool:
    """Tell whether it is a text conversation, such as we hold ourselves: no call ended there."""
    override = _child(_child(answer, "conversation_initiation_client_data"), "conversation_config_override")
    flags = _child(answer, "metadata").get("text_only"), _child(override, "conversation").get("text_only")
    return True in flags


def _transcript(turns: object) -> list[tuple[str, str]]:
    """Give (role, text) of the turns that said something; tool turns have no message."""
    listed = turns if isinstance(turns, list) else []
    told = [turn for turn in listed if isinstance(turn, dict) and _words(turn, "message")]
    return [(_words(turn, "role"), _words(turn, "message")) for turn in told]


def _child(parsed: Json, key: str) -> Json:
    found = parsed.get(key)
    return found if isinstance(found, dict) else {}


def _words(parsed: Json, key: str) -> str:
    found = parsed.get(key)
    return found.strip() if isinstance(found, str) else ""
