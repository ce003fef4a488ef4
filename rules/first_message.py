"""The first WhatsApp message after a call: personal, Spanish by default, from a configurable text."""

import string
from typing import Final

from schemas.errors import ConfigurationError
from schemas.texts import Texts, shipped

PLACEHOLDERS = frozenset({"client_name", "agent_name", "group_name", "summary"})
# A name or a summary is a part of a short greeting, however long the source is.
_LONGEST_NAME = 40
LONGEST_SUMMARY = 300
SPANISH: Final = shipped("es")


def filled(text: str, values: dict[str, str]) -> str:
    """Fill a text that was checked before (`check_placeholders`)."""
    return text.format(**values).strip()


def placeholder_values(
    client_name: str, agent_name: str | None, group_name: str, summary: str | None, texts: Texts = SPANISH
) -> dict[str, str]:
    """Return what each placeholder stands for, each fit for one line of a greeting: the first name, `{agent_name}`,
    `{group_name}`, and `{summary}`, one sentence with a space behind it, or nothing. `client_name`: not empty.
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
            text.format(**dict.fromkeys(known, ""))  # a format behind a colon may be wrong, too
    except (ValueError, LookupError, AttributeError) as error:
        raise ConfigurationError(f"{variable}: {error}; write a literal brace as {{{{ or }}}}") from error
    if unknown := used - known:
        raise ConfigurationError(f"{variable}: unknown placeholder {sorted(unknown)[0]!r}; known: {sorted(known)}")


def summary_sentence(summary: str | None, longest: int = LONGEST_SUMMARY, texts: Texts = SPANISH) -> str:
    """Return a call's summary as one sentence with a space behind it; nothing where there is none."""
    words = " ".join((summary or "").split())
    said = shortened(words, longest).rstrip(".")
    sentence = texts.summary_sentence.format(summary=said)
    return f"{sentence}{'' if said.endswith('…') else '.'} " if words else ""


def shortened(text: str, longest: int) -> str:
    """Return a text cut at a word, with `…`, where it is longer than `longest` characters."""
    if len(text) <= longest:
        return text
    cut = text[: longest - 1].rsplit(" ", 1)[0] if " " in text[: longest - 1] else text[: longest - 1]
    return cut.rstrip(",;:") + "…"
