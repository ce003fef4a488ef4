"""The call's summary in a free text to the client: off, or short and in the client's language. Pure.

A language model writes it for the team, often in English, and it may say what clients should not read about
themselves. An approved template with `{summary}`, the agent's context and the database have it all the same.
"""

from rules.first_message import SPANISH, summary_sentence
from rules.language import language_of
from schemas.settings import Settings
from schemas.texts import Texts

_ANY = "any"


class SummaryQuote:
    """What `{summary}` stands for in a free text."""

    def __init__(self, settings: Settings, texts: Texts = SPANISH) -> None:
        self._texts = texts
        self._is_on = settings.first_message_summary == "on"
        self._language = settings.first_message_summary_language
        self._length = settings.first_message_summary_length

    def sentence(self, summary: str | None) -> str:
        """Return the sentence with a trailing space, or nothing."""
        if not self._is_on or not summary or not self._may_be_read(summary):
            return ""
        return summary_sentence(summary, self._length, self._texts)

    def _may_be_read(self, summary: str) -> bool:
        return self._language == _ANY or language_of(summary) == self._language
