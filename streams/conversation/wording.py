"""In which words a message goes out: as text, or as the template that stands for it outside the 24-hour window. Pure."""

from dataclasses import dataclass
from typing import Any

from schemas.errors import InvalidInput
from schemas.events import CallCompleted
from schemas.settings import Settings
from streams.conversation.call_status import COMPLETED, CallStatuses, Opening
from streams.conversation.first_message import filled, placeholder_values
from streams.conversation.templates import Template, Templates

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What is known of whom is written to. `call`: the body of `call-completed`, if there was a call."""

    name: str
    call: Json | None
    summary: str | None


@dataclass(frozen=True, slots=True)
class Words:
    """`body`: the text; `content`: the template that is sent instead of it, None where it goes as text."""

    body: str
    content: Json | None = None


class Wording:
    """The configured texts and templates."""

    def __init__(self, settings: Settings) -> None:
        self._usual = Opening(settings.first_message_text, "first")
        self._statuses = CallStatuses(settings)
        self._templates = Templates.of(settings)

    def first(self, client: Client, *, window_is_open: bool) -> Words:
        """Give the first message after a call; `client.call` is there."""
        opening, template = self._opening(client)
        values = _values(client)
        body = filled(opening.text, values)
        return Words(body, None if window_is_open or template is None else template.filled(values | {"text": body}))

    def reopening(self, client: Client, text: str) -> Json | None:
        """Give the template for a text that falls outside the window; None where none is configured."""
        template = self._templates.reopen
        return template.filled(_values(client) | {"text": text}) if template else None

    def again(self, client: Client, kind: str, text: str) -> Words | None:
        """Give what is sent once more of a turn of a kind whose `text` Twilio did not deliver; None: it cannot be."""
        template = self._opening(client)[1] if kind == "call" else self._templates.reopen
        return Words(text, template.filled(_values(client) | {"text": text})) if template else None

    def _opening(self, client: Client) -> tuple[Opening, Template | None]:
        recipient = (client.call or {}).get("recipient") or {}
        opening = self._statuses.opening(recipient.get("status") or COMPLETED) or self._usual
        return opening, self._templates.first if opening.template == "first" else self._templates.no_answer


def _values(client: Client) -> dict[str, str]:
    try:
        call = CallCompleted.from_object(client.call or {})
    except InvalidInput:  # there was none
        return placeholder_values(client.name, None, "", client.summary)
    return placeholder_values(call.client_name, call.agent_name, call.group_name, client.summary)
