"""A message's words: as text, or as the template that stands for it outside the 24-hour window. Pure."""

from dataclasses import dataclass

from rules.call_status import CallStatuses, Opening
from rules.first_message import SPANISH, filled, placeholder_values
from rules.state import Conversation
from rules.summary_quote import SummaryQuote
from rules.templates import Template, Templates
from schemas.errors import InvalidInput
from schemas.events import COMPLETED, CallCompleted
from schemas.rows import Json
from schemas.settings import NO_TEXT, Settings
from schemas.texts import Texts

UNNAMED = "Cliente"
"""What the contract calls a client without a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What is known of the client. `call`: the body of `call-completed`; if absent, the names stand in."""

    name: str
    call: Json | None = None
    summary: str | None = None
    agent_name: str | None = None
    group_name: str = ""
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one message."""

    body: str  #: the text
    content: Json | None = None  #: the template that is sent instead of it; None if it goes as text


class Wording:
    """The configured texts and templates, in one language."""

    def __init__(self, settings: Settings, texts: Texts = SPANISH) -> None:
        self._texts = texts
        self._usual = Opening(settings.first_message_text, "first")
        self._statuses = CallStatuses(settings)
        self._templates = Templates.of(settings)
        self._quote = SummaryQuote(settings, texts)

    def first(self, client: Client, *, window_is_open: bool) -> Words:
        """Return the first message after a call."""
        opening, template = self._opening(client)
        values = self._values(client)
        body = filled(opening.text, values | {"summary": self._quote.sentence(client.summary)})
        return Words(
            body, None if window_is_open or template is None else template.filled(values | {"text": body})
        )

    def reopening(self, client: Client, text: str) -> Json | None:
        """Return the template for a text that falls outside the window; None if none is configured."""
        template = self._templates.reopen
        return template.filled(self._values(client) | {"text": text}) if template else None

    def again(self, client: Client, kind: str, text: str) -> Words | None:
        """Return what is sent again for a `text` that Twilio did not deliver; None if nothing can be.

        `kind`: of the turn that said it.
        """
        template = self._opening(client)[1] if kind == "call" else self._templates.reopen
        return Words(text, template.filled(self._values(client) | {"text": text})) if template else None

    def _opening(self, client: Client) -> tuple[Opening, Template | None]:
        recipient = (client.call or {}).get("recipient") or {}
        status = recipient.get("status") or client.status or COMPLETED
        opening = self._statuses.opening(status) or self._usual
        return opening, self._templates.first if opening.template == "first" else self._templates.no_answer

    def _values(self, client: Client) -> dict[str, str]:
        try:
            call = CallCompleted.from_object(client.call or {})
        except InvalidInput:  # there was none
            names = client.name, client.agent_name, client.group_name
        else:
            names = call.client_name, call.agent_name, call.group_name
        return placeholder_values(*names, client.summary, self._texts)


def client_of(state: Conversation) -> Client:
    """Return what is known of a conversation's client."""
    return Client(
        name=state.client_name or UNNAMED,
        summary=state.summary,
        agent_name=state.agent_name,
        group_name=state.group_name,
        status=state.call_status,
    )


def notice_text(settings: Settings, notice: str | None) -> str:
    """Return the configured text of a notice; empty if none is to be sent.

    `notice`: opted_out, opted_in, escalated.
    """
    texts = {
        "opted_out": settings.opt_out_text,
        "opted_in": settings.opt_in_text,
        "escalated": settings.handoff_text,
    }
    text = texts.get(notice or "", NO_TEXT)
    return "" if text == NO_TEXT else text
