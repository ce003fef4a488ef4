"""What the simulated agent remembers, read from what it was told at the start of a conversation. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_CLIENT, _AGENT = "Cliente: ", "Agente: "
_NAME, _SUMMARY = "Cliente: ", "Resumen de la llamada: "
_TRANSCRIPT, _HISTORY = "Transcripción de la llamada:", "Mensajes de WhatsApp hasta ahora:"


@dataclass(slots=True)
class Memory:
    """What the agent knows of a client."""

    name: str = ""
    summary: str = ""
    #: The client's own words in the call.
    call: list[str] = field(default_factory=list)
    #: The client's own words since the call.
    chat: list[str] = field(default_factory=list)
    #: The dynamic variables.
    variables: Mapping[str, Any] = field(default_factory=dict)


def remember(context: str, variables: Mapping[str, Any]) -> Memory:
    """Read the background from a contextual update's text and the variables."""
    memory = Memory(
        name=str(variables.get("customer_name") or ""),
        summary=str(variables.get("previous_summary") or ""),
        variables=variables,
    )
    words: list[str] | None = None
    for line in context.splitlines():
        if line.startswith((_TRANSCRIPT, _HISTORY)):
            words = memory.call if line.startswith(_TRANSCRIPT) else memory.chat
        elif line.startswith(_SUMMARY):
            memory.summary = line.removeprefix(_SUMMARY)
        elif line.startswith(_NAME) and words is None:
            memory.name = line.removeprefix(_NAME)
        elif line.startswith(_CLIENT) and words is not None:
            words.append(line.removeprefix(_CLIENT))
    return memory
