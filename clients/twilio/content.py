"""Templates as Twilio's Content API knows them.

`GET /v1/Content/{sid}` (its `variables` are those that a create must fill, or it fails with 63028), and
`…/ApprovalRequests` (`whatsapp.status`, `whatsapp.category`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from clients.twilio.api import TwilioApi
from clients.vendor_json import Json, child, words
from schemas.errors import TerminalError, VendorError

_AUTHENTICATION = "AUTHENTICATION"
_NOT_FOUND = frozenset({404, 20404})


@dataclass(frozen=True, slots=True)
class ContentTemplate:
    """A template. `variables`: names with sample values.

    `approval`, `category`: WhatsApp's; empty if it was never asked for.
    """

    variables: Mapping[str, object]
    approval: str
    category: str = ""

    @property
    def needs_number(self) -> bool:
        """Whether WhatsApp delivers it only to numbers, not to business-scoped ids."""
        return self.category.upper() == _AUTHENTICATION

    def mismatch(self, given: Collection[str]) -> str | None:
        """Return how the given variables' names differ from those that a create must fill."""
        if missing := sorted(set(self.variables) - set(given)):
            return f"lacks {', '.join(missing)}, which the template has"
        if spare := sorted(set(given) - set(self.variables)):
            return f"has {', '.join(spare)}, which the template lacks"
        return None


class TwilioContent:
    """Look-ups of templates."""

    def __init__(self, api: TwilioApi) -> None:
        self._api = api
        self._folder = f"{api.product('content')}/v1/Content"

    async def find(self, content_sid: str) -> ContentTemplate | None:
        """Return a template; None if Twilio knows none by this SID.

        Raises:
            RetryableError: no readable answer, or our credentials are refused.
            TerminalError: refused.
        """
        try:
            content = await self._api.get(f"{self._folder}/{content_sid}")
        except TerminalError as error:
            if error.code in _NOT_FOUND:
                return None
            raise
        approval = await self._approval(content_sid)
        return ContentTemplate(
            child(content, "variables"), words(approval, "status"), words(approval, "category")
        )

    async def _approval(self, content_sid: str) -> Json:
        try:
            answer = await self._api.get(f"{self._folder}/{content_sid}/ApprovalRequests")
        except VendorError:
            return {}
        return child(answer, "whatsapp")
