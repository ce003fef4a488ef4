"""What a new text conversation is told of the call and the chat so far. Pure."""

from typing import Any

from streams.vendors.agent import CallContext

# Newest first within these; some 8 kB in all, because the vendor's limits are not published and every turn pays for it.
_LONGEST_TRANSCRIPT = 4_000
_LONGEST_HISTORY = 4_000
_ROLES = {"agent": "Agente", "user": "Cliente", "outbound": "Agente", "inbound": "Cliente"}


def context_text(context: CallContext) -> str:
    """Give the background in Spanish: who, the call's summary and transcript, the messages since. The newest is kept."""
    parts = [
        "Continúas por WhatsApp, por escrito, una conversación que empezó en una llamada. No saludes de nuevo.",
        f"Cliente: {context.client_name}" if context.client_name else "",
        f"Resumen de la llamada: {context.summary}" if context.summary else "",
        _lines("Transcripción de la llamada:", context.transcript, _LONGEST_TRANSCRIPT),
        _lines("Mensajes de WhatsApp hasta ahora:", context.history, _LONGEST_HISTORY),
    ]
    return "\n".join(part for part in parts if part)


def variables(context: CallContext) -> dict[str, Any]:
    """Give the dynamic variables: the call's own, which a voice agent's prompt may require, and ours."""
    return {
        **context.dynamic_variables,
        "channel": "whatsapp",
        "customer_name": context.client_name,
        "previous_summary": context.summary or "",
    }


def _lines(title: str, turns: list[tuple[str, str]], longest: int) -> str:
    kept: list[str] = []
    for role, text in reversed(turns):
        line = f"{_ROLES.get(role, role)}: {text}"
        if sum(map(len, kept)) + len(line) > longest:
            break
        kept.append(line)
    return "\n".join([title, *reversed(kept)]) if kept else ""
