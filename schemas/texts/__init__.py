"""Our own texts for clients, one file per language: Spanish and Portuguese ship, TEXTS_DIR has any other.

A file is a JSON object: texts by the names of their settings in lower case, templates likewise
(`twilio_…_content_sid`, `twilio_…_content_variables`), and `unnamed_agent` and `summary_sentence`. What it
lacks comes from the settings.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from schemas.errors import ConfigurationError

TEXTS: Final = (
    "first_message_text",
    "no_answer_message_text",
    "opt_out_text",
    "opt_in_text",
    "handoff_text",
    "apology_text",
)
"""Settings; one that is set wins over a file's."""
TEMPLATES: Final = tuple(
    f"twilio_{which}_content_{what}"
    for which in ("first_message", "no_answer", "reopen")
    for what in ("sid", "variables")
)
"""Settings; a file's win, because a template is approved in one language."""
_OWN: Final = ("unnamed_agent", "summary_sentence")
_NAME: Final = re.compile(r"[a-z]{2,3}\.json")
_SUFFIX: Final = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """A language's file."""

    #: By their names.
    settings: Mapping[str, str]
    #: Who wrote, where no agent is named.
    unnamed_agent: str
    #: Has {summary}.
    summary_sentence: str


def shipped(language: str) -> Texts:
    """Return the texts of a language that ships.

    Raises:
        KeyError: the language does not ship.
    """
    return _shipped()[language]


def read_texts(folder: str | None) -> dict[str, Texts]:
    """Return the texts of all languages: those that ship, and a folder's, which win.

    Raises:
        ConfigurationError: names the file and what is wrong with it.
    """
    return _shipped() | (_read(Path(folder)) if folder else {})


@cache
def _shipped() -> dict[str, Texts]:
    return _read(files("schemas").joinpath("texts"))


def _read(folder: Traversable) -> dict[str, Texts]:
    try:
        found = [each for each in folder.iterdir() if _NAME.fullmatch(each.name)]
        return {
            each.name.removesuffix(_SUFFIX): _texts(each.name, each.read_text(encoding="utf-8"))
            for each in found
        }
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"TEXTS_DIR: {error}") from error


def _texts(name: str, text: str) -> Texts:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"TEXTS_DIR: {name}: not JSON: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(value, str) and value for value in found.values()):
        raise ConfigurationError(f"TEXTS_DIR: {name}: must be a JSON object of texts")
    if unknown := sorted(set(found) - {*TEXTS, *TEMPLATES, *_OWN}):
        raise ConfigurationError(f"TEXTS_DIR: {name}: unknown: {', '.join(unknown)}")
    if missing := [each for each in _OWN if each not in found]:
        raise ConfigurationError(f"TEXTS_DIR: {name}: missing: {', '.join(missing)}")
    own = {each: found.pop(each) for each in _OWN}
    return Texts(settings=found, **own)
