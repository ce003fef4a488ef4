"""The first WhatsApp message after a call: personal, Spanish by default, from a configurable text."""

import string

from schemas.errors import ConfigurationError
from schemas.events import CallCompleted

PLACEHOLDERS = frozenset({"client_name", "agent_name", "group_name", "summary"})
# A name or a summary is a part of a short greeting, however long the source is.
_LONGEST_NAME = 40
_LONGEST_SUMMARY = 300
_UNNAMED_AGENT = "tu asesor"


def first_message(text: str, call: CallCompleted, summary: str | None) -> str:
    """Fill a text's placeholders: `{client_name}` (the first name), `{agent_name}`, `{group_name}`, `{summary}`.

    `{summary}` is one sentence with a space behind it, or nothing.
    """
    return filled(text, placeholder_values(call.client_name, call.agent_name, call.group_name, summary))


def filled(text: str, values: dict[str, str]) -> str:
    """Fill a text that was checked before (`check_placeholders`)."""
    return text.format(**values).strip()


def placeholder_values(client_name: str, agent_name: str | None, group_name: str, summary: str | None) -> dict[str, str]:
    """Give what each placeholder stands for, each fit for one line of a greeting. `client_name`: not empty."""
    return {
        "client_name": shortened(client_name.split()[0], _LONGEST_NAME),
        "agent_name": shortened(" ".join((agent_name or _UNNAMED_AGENT).split()), _LONGEST_NAME),
        "group_name": shortened(" ".join(group_name.split()), _LONGEST_NAME),
        "summary": _summary_sentence(summary),
    }


def check_placeholders(variable: str, text: str, known: frozenset[str] = PLACEHOLDERS) -> None:
    """Check a configured text before it is needed.

    Raises:
        ConfigurationError: a placeholder is unknown or the braces do not match.
    """
    try:
        used = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
        if used <= known:
            text.format(**dict.fromkeys(known, ""))  # a format behind a colon may be wrong, too
    except (ValueError, LookupError, AttributeError) as error:
        raise ConfigurationError(f"{variable}: {error}; write a literal brace as {{{{ or }}}}") from error
    if unknown := used - known:
        raise ConfigurationError(f"{variable}: unknown placeholder {sorted(unknown)[0]!r}; known: {sorted(known)}")


def _summary_sentence(summary: str | None) -> str:
    words = " ".join((summary or "").split())
    return f"Sobre lo que hablamos: {shortened(words, _LONGEST_SUMMARY).rstrip('.')}. " if words else ""


def shortened(text: str, longest: int) -> str:
    """Give a text cut at a word, with `…`, where it is longer than `longest` characters."""
    if len(text) <= longest:
        return text
    cut = text[: longest - 1].rsplit(" ", 1)[0] if " " in text[: longest - 1] else text[: longest - 1]
    return cut.rstrip(",;:") + "…"
