"""What the simulated agent remembers: read from what it was told at the start of a conversation. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_CLIENT, _AGENT = "Cliente: ", "Agente: "
_NAME, _SUMMARY = "Cliente: ", "Resumen de la llamada: "
_TRANSCRIPT, _HISTORY = "Transcripción de la llamada:", "Mensajes de WhatsApp hasta ahora:"


@dataclass(slots=True)
class Memory:
    """`call`, `chat`: the client's own words in the call and since; `variables`: the dynamic variables."""

    name: str = ""
    summary: str = ""
    call: list[str] = field(default_factory=list)
    chat: list[str] = field(default_factory=list)
    variables: Mapping[str, Any] = field(default_factory=dict)


def remember(context: str, variables: Mapping[str, Any]) -> Memory:
    """Read the background that a contextual update told, and the variables."""
    memory = Memory(
        name=str(variables.get("customer_name") or ""), summary=str(variables.get("previous_summary") or ""),
        variables=variables,
    )  # fmt: skip
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
