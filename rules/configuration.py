"""Finds what is wrong with the configured texts, templates and rules before a client sees it."""

from collections.abc import Callable

from rules.call_status import CallStatuses
from rules.first_message import check_placeholders
from rules.quiet_hours import QuietHours
from rules.templates import Templates
from schemas.errors import ConfigurationError
from schemas.settings import Settings, in_languages

# Texts with placeholders in a language's file.
_FILLED = ("first_message_text", "no_answer_message_text")


def _check_languages(settings: Settings) -> None:
    for language, (in_language, texts) in in_languages(settings).items():
        for name in _FILLED:
            if name in texts.settings:
                check_placeholders(f"TEXTS_DIR: {language}.json: {name}", texts.settings[name])
        check_placeholders(
            f"TEXTS_DIR: {language}.json: summary_sentence", texts.summary_sentence, frozenset({"summary"})
        )
        Templates.of(in_language)


_CHECKS: list[Callable[[Settings], object]] = [
    lambda settings: check_placeholders("FIRST_MESSAGE_TEXT", settings.first_message_text),
    lambda settings: check_placeholders("NO_ANSWER_MESSAGE_TEXT", settings.no_answer_message_text),
    CallStatuses,
    Templates.of,
    QuietHours.of,
    _check_languages,
]


def problems(settings: Settings) -> list[str]:
    """Return one line per problem, naming its variable and what to do."""
    found = []
    for check in _CHECKS:
        try:
            check(settings)
        except ConfigurationError as error:
            if (line := str(error)) not in found:  # a language without its own templates uses the settings'
                found.append(line)
    return found


def check_rules(settings: Settings) -> None:
    """Check everything.

    Raises:
        ConfigurationError: the first problem, and how many more there are.
    """
    found = problems(settings)
    if found:
        more = f" (and {len(found) - 1} more; see `whatsapp-microservice doctor`)" if found[1:] else ""
        raise ConfigurationError(found[0] + more)
