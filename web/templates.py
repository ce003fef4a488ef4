"""An operator's template, compared with what Twilio knows of it: what does not fit is said at once, not by a report."""

import asyncio
from typing import Protocol

import structlog

from clients.twilio.content import ContentTemplate
from schemas.errors import InvalidInput, VendorError
from schemas.events import ConversationCommand
from schemas.phone import is_number

log = structlog.get_logger()

# An operator waits 9 s for the outcome; without the look-up it is only told later.
_LOOK_UP_SECONDS = 3.0


class TemplateSource(Protocol):
    """See `clients.twilio.content.TwilioContent`."""

    async def find(self, content_sid: str) -> ContentTemplate | None: ...


async def check_template(templates: TemplateSource, command: ConversationCommand) -> ConversationCommand:
    """Return the command as it fits its template: its text fills a template that has one variable.

    While Twilio cannot tell, the command is taken as it is.

    Raises:
        InvalidInput: Twilio knows no such template, it has other variables, or is not for such an address.
    """
    if command.content_sid is None:
        return command
    try:
        async with asyncio.timeout(_LOOK_UP_SECONDS):
            found = await templates.find(command.content_sid)
    except (TimeoutError, VendorError) as error:
        log.warning("a template could not be looked up", why=str(error) or type(error).__name__)
        return command
    if found is None:
        raise InvalidInput("content_sid", "is unknown to Twilio")
    if found.needs_number and not is_number(command.key):
        raise InvalidInput("content_sid", "is an authentication template: WhatsApp takes it for a number, not for an id")
    if command.text and not command.content_variables and len(found.variables) == 1:
        command = command.model_copy(update={"content_variables": dict.fromkeys(found.variables, command.text)})
    if problem := found.mismatch(command.content_variables):
        raise InvalidInput("content_variables", problem)
    return command
