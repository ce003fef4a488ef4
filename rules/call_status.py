"""Calls that may not have been real ones: whether a conversation begins, and with which text. Pure.

Statuses are those that ElevenLabs gives a batch call's recipient, an open set: completed, voicemail,
failed, cancelled, no_response, ….
"""

import json
import re
from dataclasses import dataclass
from typing import Final, Literal

from rules.first_message import check_placeholders
from schemas.errors import ConfigurationError
from schemas.events import COMPLETED
from schemas.settings import Settings

_VARIABLE: Final = "CALL_STATUS_ACTIONS"
_OTHERS: Final = "*"
_FIRST: Final = "first"
_NO_ANSWER: Final = "no_answer"
_NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Opening:
    """How a conversation begins."""

    text: str  #: with placeholders
    template: Literal["first", "no_answer"]  #: which of the configured ones stands for it


class CallStatuses:
    """The configured openings by status."""

    def __init__(self, settings: Settings) -> None:
        """Read the setting.

        Raises:
            ConfigurationError: not a JSON object of texts, or a text with an unknown placeholder.
        """
        self._texts = {_FIRST: settings.first_message_text, _NO_ANSWER: settings.no_answer_message_text}
        self._actions = {COMPLETED: _FIRST, _OTHERS: _NO_ANSWER} | {
            _letters(status): action for status, action in _actions(settings.call_status_actions).items()
        }
        for action in self._actions.values():
            if action not in (_FIRST, _NO_ANSWER, _NONE):
                check_placeholders(_VARIABLE, action)

    def opening(self, status: str) -> Opening | None:
        """Return how a conversation begins after a call of this status; None if none begins."""
        status = _letters(status)
        action = self._actions.get(status, self._actions[_OTHERS])
        if action == _NONE:
            return None
        is_usual = action == _FIRST or (action != _NO_ANSWER and status == COMPLETED)
        return Opening(self._texts.get(action, action), "first" if is_usual else "no_answer")


def _letters(status: str) -> str:
    """Normalise a status for comparison: ` COMPLETED ` is `completed`, `No-Answer` is `no_answer`."""
    return re.sub(r"[\s-]+", "_", status.strip().lower())


def _actions(text: str) -> dict[str, str]:
    try:
        actions = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{_VARIABLE}: not JSON: {error}") from error
    if not isinstance(actions, dict) or not all(isinstance(action, str) for action in actions.values()):
        raise ConfigurationError(
            f'{_VARIABLE}: must be a JSON object of texts, such as {{"voicemail": "none"}}'
        )
    return actions
