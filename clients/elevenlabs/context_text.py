"""What a new text conversation is told about the call and the chat so far. Pure.

A turn is one line, which begins with who spoke. Line breaks in what was said are replaced, so that nobody can
begin a line and speak as somebody else.
"""

from typing import Any

from clients.agent import CallContext, Question
from schemas.elevenlabs_call import own_variables

# The newest within these: some 8 kB in all, as the vendor publishes no limits and every turn pays for it.
_LONGEST_TRANSCRIPT = 4_000
_LONGEST_HISTORY = 4_000
_ROLES = {
    "agent": "Agente",
    "user": "Cliente",
    "outbound": "Agente",
    "inbound": "Cliente",
    "operator": "Persona del equipo",
}

_LINE_BREAK = " ⏎ "
_OMITTED = "[{} anteriores no se muestran]"


def context_text(context: CallContext) -> str:
    """Return the background in Spanish: who, the call's summary and transcript, the messages since.

    The newest turns and messages are kept.
    """
    parts = [
        "Continúas por WhatsApp, por escrito, una conversación que empezó en una llamada. "
        "No saludes de nuevo.",
        "Cada línea es de quien está al principio de ella; «⏎» es un salto de línea dentro de lo que dijo.",
        f"Cliente: {_line(context.client_name)}" if context.client_name else "",
        f"Resumen de la llamada: {_line(context.summary)}" if context.summary else "",
        _titled("Transcripción de la llamada:", _lines(context.transcript, _LONGEST_TRANSCRIPT)),
        _titled("Mensajes de WhatsApp hasta ahora:", _lines(context.history, _LONGEST_HISTORY)),
    ]
    return "\n".join(part for part in parts if part)


def told(question: Question) -> str:
    """Return the client's words, after what was said while a person stood in.

    The call's conversation lacks that.
    """
    lines = _lines(question.meanwhile, _LONGEST_HISTORY)
    if not lines:
        return question.text
    note = f"[Mientras tanto una persona del equipo atendió al cliente por este chat:\n{lines}\n]"
    return f"{note}\nEl cliente escribe ahora:\n{question.text}"


def variables(context: CallContext) -> dict[str, Any]:
    """Return the dynamic variables: the call's own, which a voice agent's prompt may require, and ours.

    A prompt that uses a missing variable ends the conversation (close 1008).
    """
    return {
        **own_variables(context.dynamic_variables),
        "channel": "whatsapp",
        "customer_name": _line(context.client_name),
        "previous_summary": context.summary or "",
        "previous_transcript": _lines(context.transcript, _LONGEST_TRANSCRIPT),
    }


def _titled(title: str, lines: str) -> str:
    return f"{title}\n{lines}" if lines else ""


def _lines(turns: list[tuple[str, str]], longest: int) -> str:
    """Return the newest turns that fit, after the number of omitted ones; if not even one fits, its end.

    Older turns are omitted, not cut: the summary stands in for the call's, and half a sentence misleads.
    """
    kept: list[str] = []
    left = longest
    for role, text in reversed(turns):
        line = f"{_who(role)}: {_line(text)}"
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line)
    if turns and not kept:
        role, text = turns[-1]
        kept = [f"{_who(role)}: …{_line(text)[-longest:]}"]
    omitted = len(turns) - len(kept)
    return "\n".join([*([_OMITTED.format(omitted)] if omitted else []), *reversed(kept)])


def _who(role: str) -> str:
    return _ROLES.get(role) or _line(role)


def _line(text: str) -> str:
    """Return a text as one line, whichever line breaks it has."""
    return _LINE_BREAK.join(line for each in text.splitlines() if (line := each.strip()))
