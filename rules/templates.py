"""Approved templates of Twilio's Content API, filled for one client. Pure.

A template's value is one line and never empty (Twilio refuses others: 21656); text and values together have
at most 1,024 characters (63021).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from rules.first_message import PLACEHOLDERS, check_placeholders, shortened
from schemas.errors import ConfigurationError
from schemas.rows import Json
from schemas.settings import Settings

TEMPLATE_PLACEHOLDERS = PLACEHOLDERS | {"text"}
"""`{text}`: the message that is sent as a template because it may not go as text."""

LONGEST_FILLED = 1024
# Leaves some 300 of these to the template's own words.
_LONGEST_VALUE = 700
_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Template:
    """An approved template."""

    content_sid: str  #: HX…
    variables: Mapping[str, str]  #: texts with placeholders, by Twilio's name

    def filled(self, values: Mapping[str, str]) -> Json:
        """Return the filled template, as it is sent and kept."""
        filled = {name: _value(text.format(**values)) for name, text in self.variables.items()}
        return {"content_sid": self.content_sid, "content_variables": filled}


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """The configured templates."""

    first: Template | None  #: of the first message after a completed call
    no_answer: Template | None  #: of the first message after another call
    reopen: Template | None  #: of anything later

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read the settings; what has no template of its own takes the first message's.

        Raises:
            ConfigurationError: variables are not a JSON object of texts, or a placeholder is unknown.
        """
        first = _template(settings, "twilio_first_message")
        no_answer, reopen = _template(settings, "twilio_no_answer"), _template(settings, "twilio_reopen")
        return cls(first=first, no_answer=no_answer or first, reopen=reopen or first)


def _value(text: str) -> str:
    return shortened(one_line(text), _LONGEST_VALUE) or _NOTHING


def _template(settings: Settings, prefix: str) -> Template | None:
    sid, name = getattr(settings, f"{prefix}_content_sid"), f"{prefix}_content_variables"
    variables = template_variables(name.upper(), getattr(settings, name))
    if sid is None and variables:
        raise ConfigurationError(f"{name.upper()}: set without {prefix.upper()}_CONTENT_SID")
    return Template(sid, variables) if sid else None


def template_variables(variable: str, text: str | None) -> dict[str, str]:
    """Read a template's variables.

    Raises:
        ConfigurationError: see `Templates.of`.
    """
    try:
        variables = json.loads(text or "{}")
    except ValueError as error:
        raise ConfigurationError(f"{variable}: not JSON: {error}") from error
    if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
        raise ConfigurationError(
            f'{variable}: must be a JSON object of texts, such as {{"1": "{{client_name}}"}}'
        )
    for value in variables.values():
        check_placeholders(variable, value, TEMPLATE_PLACEHOLDERS)
    return variables


def one_line(text: str) -> str:
    """Return a text without line feeds, tabs and runs of blanks, which no template value may have (21656)."""
    return " ".join(text.split())
