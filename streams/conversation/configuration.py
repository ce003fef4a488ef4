"""What is wrong with the configured texts, templates and rules: found before a client sees it."""

from collections.abc import Callable

from schemas.errors import ConfigurationError
from schemas.settings import Settings
from streams.conversation.call_status import CallStatuses
from streams.conversation.first_message import check_placeholders
from streams.conversation.hours import QuietHours
from streams.conversation.templates import Templates

_CHECKS: list[Callable[[Settings], object]] = [
    lambda settings: check_placeholders("FIRST_MESSAGE_TEXT", settings.first_message_text),
    lambda settings: check_placeholders("NO_ANSWER_MESSAGE_TEXT", settings.no_answer_message_text),
    CallStatuses,
    Templates.of,
    QuietHours.of,
]


def problems(settings: Settings) -> list[str]:
    """Give one line for each thing that is wrong, naming its variable and what to do."""
    found = []
    for check in _CHECKS:
        try:
            check(settings)
        except ConfigurationError as error:
            found.append(str(error))
    return found


def check_rules(settings: Settings) -> None:
    """Check all of it.

    Raises:
        ConfigurationError: the first thing that is wrong, and how many more there are.
    """
    found = problems(settings)
    if found:
        more = f" (and {len(found) - 1} more; see `whatsapp-microservice doctor`)" if found[1:] else ""
        raise ConfigurationError(found[0] + more)
