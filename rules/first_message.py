"""The first WhatsApp message after a call: personal, Spanish by default, from a configurable text."""

import string
from typing import Final

from schemas.errors import ConfigurationError
from schemas.texts import Texts, shipped

PLACEHOLDERS = frozenset({"client_name", "agent_name", "group_name", "summary"})
# A name or a summary is part of a short greeting, however long its source is.
_LONGEST_NAME = 40
LONGEST_SUMMARY = 300
SPANISH: Final = shipped("es")


def filled(text: str, values: dict[str, str]) -> str:
    """Fill a text that was checked before (`check_placeholders`)."""
    return text.format(**values).strip()


def placeholder_values(
    client_name: str, agent_name: str | None, group_name: str, summary: str | None, texts: Texts = SPANISH
) -> dict[str, str]:
    """Return each placeholder's value, fit for one line of a greeting.

    `{client_name}` is the first name, `{summary}` one sentence with a trailing space, or empty; the others
    are `{agent_name}` and `{group_name}`. `client_name`: not empty.
    """
    return {
        "client_name": shortened(client_name.split()[0], _LONGEST_NAME),
        "agent_name": shortened(" ".join((agent_name or texts.unnamed_agent).split()), _LONGEST_NAME),
        "group_name": shortened(" ".join(group_name.split()), _LONGEST_NAME),
        "summary": summary_sentence(summary, texts=texts),
    }


def check_placeholders(variable: str, text: str, known: frozenset[str] = PLACEHOLDERS) -> None:
    """Check a configured text before it is needed.

    Raises:
        ConfigurationError: a placeholder is unknown or the braces do not match.
    """
    try:
        used = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
        if used <= known:
            text.format(**dict.fromkeys(known, ""))  # a format after a colon may be wrong, too
    except (ValueError, LookupError, AttributeError) as error:
        raise ConfigurationError(f"{variable}: {error}; write a literal brace as {{{{ or }}}}") from error
    if unknown := used - known:
        raise ConfigurationError(
            f"{variable}: unknown placeholder {sorted(unknown)[0]!r}; known: {sorted(known)}"
        )


def summary_sentence(summary: str | None, longest: int = LONGEST_SUMMARY, texts: Texts = SPANISH) -> str:
    """Return a call's summary as one sentence with a trailing space; empty if there is none."""
    words = " ".join((summary or "").split())
    said = shortened(words, longest).rstrip(".")
    sentence = texts.summary_sentence.format(summary=said)
    return f"{sentence}{'' if said.endswith('…') else '.'} " if words else ""


def shortened(text: str, longest: int) -> str:
    """Return a text, cut at a word with `…` if it is longer than `longest` characters."""
    if len(text) <= longest:
        return text
    cut = text[: longest - 1].rsplit(" ", 1)[0] if " " in text[: longest - 1] else text[: longest - 1]
    return cut.rstrip(",;:") + "…"
