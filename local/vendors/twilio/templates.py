"""The registry of message templates: what a `ContentSid` stands for. Pure."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from local.vendors.twilio.errors import Refusal

_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_NOT_ONE_LINE = re.compile(r"[\r\n\t]| {5}")
_WRONG_COUNT = 63028
# States of a template at WhatsApp that show only when it is sent.
_STATES = {"approved": None, "paused": 63041, "rejected": 63040, "missing": 63027}


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One template; `body` has placeholders like `{{1}}`."""

    sid: str
    body: str
    #: At WhatsApp: approved, paused, rejected or missing.
    status: str = "approved"
    name: str = "plantilla"
    language: str = "es"
    category: str = "UTILITY"

    @property
    def names(self) -> set[str]:
        return set(_PLACEHOLDER.findall(self.body))

    def filled(self, variables: dict[str, str]) -> str:
        """Return the text that the client sees."""
        return _PLACEHOLDER.sub(lambda found: variables.get(found[1], found[0]), self.body)

    def failure(self, variables: dict[str, str]) -> int | None:
        """Return the code with which WhatsApp refuses it later, by callback; None if it passes."""
        if set(variables) != self.names:
            return _WRONG_COUNT
        return _STATES.get(self.status)

    def as_json(self, account: str) -> dict[str, Any]:
        """Return the Content API's JSON."""
        return {
            "sid": self.sid,
            "account_sid": account,
            "friendly_name": self.name,
            "language": self.language,
            "variables": dict.fromkeys(sorted(self.names), ""),
            "types": {"twilio/text": {"body": self.body}},
            "date_created": "2025-01-01T00:00:00Z",
            "date_updated": "2025-01-01T00:00:00Z",
            "url": f"/v1/Content/{self.sid}",
            "links": {},
        }

    def approval(self) -> dict[str, Any]:
        """Return the approval request's JSON."""
        whatsapp = {
            "name": self.name,
            "category": self.category,
            "content_type": "twilio/text",
            "status": self.status,
            "rejection_reason": "",
            "allow_category_change": True,
        }
        return {
            "sid": self.sid,
            "account_sid": None,
            "whatsapp": whatsapp,
            "url": f"/v1/Content/{self.sid}/ApprovalRequests",
        }


@dataclass(slots=True)
class Templates:
    """All templates. While none is registered, every `ContentSid` passes, for tests that ignore templates."""

    by_sid: dict[str, Template] = field(default_factory=dict)

    def register(self, template: Template) -> None:
        self.by_sid[template.sid] = template

    def refusal(self, content_sid: str, variables: dict[str, str] | None) -> Refusal | None:
        """Judge a create at once.

        Refuse an unknown template, and variables that are not strings, empty or of several lines (21656).
        """
        if self.by_sid and content_sid not in self.by_sid:
            return Refusal(400, 21655)
        if variables is None or any(not value or _NOT_ONE_LINE.search(value) for value in variables.values()):
            return Refusal(400, 21656)
        return None

    def text(self, content_sid: str, variables: dict[str, str]) -> str:
        """Return the filled-in text; for an unregistered template, its id and variables."""
        template = self.by_sid.get(content_sid)
        shown = json.dumps(variables, ensure_ascii=False)
        return template.filled(variables) if template else f"[{content_sid}] {shown}"

    def failure(self, content_sid: str, variables: dict[str, str]) -> int | None:
        template = self.by_sid.get(content_sid)
        return template.failure(variables) if template else None


def parse_variables(text: str | None) -> dict[str, str] | None:
    """Read `ContentVariables`, a JSON object of strings; return None if it is not one."""
    if not text:
        return {}
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    if not isinstance(parsed, dict) or not all(isinstance(value, str) for value in parsed.values()):
        return None
    return parsed
