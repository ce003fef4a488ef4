"""What Twilio's error codes mean for us. The codes are data (`twilio_codes.json`), the rules are here. Pure.

Kinds:
    retryable   it was not done and may be done again, with backoff
    slow        the same, but of this one number: WhatsApp takes about a message per 6 s to one person (Meta's 131056)
    hold        our account or credentials are refused: wait for a person, burn nothing
    unknown     it may have been done: look before doing it again
    template    outside the 24-hour window: only a template can be sent
    suppress    the person does not want our messages: never write again unasked
    terminal    refused for good (also every code that the data does not know)

Twilio publishes no such classification (facts of its errors/N pages); codes may be added or changed by Twilio.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Literal

Kind = Literal["retryable", "slow", "hold", "unknown", "template", "suppress", "terminal"]

KINDS: Final = ("retryable", "slow", "hold", "unknown", "template", "suppress", "terminal")

PASSING: Final = ("retryable", "slow")
"""It was not done, and may be done later."""

_TOO_MANY = 429
# 407: a proxy in between wants credentials.
_CREDENTIALS = frozenset({401, 407})
_FORBIDDEN = 403
# A proxy's time-out: the request may have reached Twilio.
_REQUEST_TIMEOUT = 408


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do about an error. `es`, `en`: the reason for people; Twilio's own words are not repeated."""

    kind: Kind
    es: str
    en: str


def classify(code: int | str | None, http_status: int | None = None) -> Verdict:
    """Judge an error. `http_status`: of a refused request; None for a code that came by a delivery report.

    The status decides before the code where it says whether the request was processed: 429 never was (errors/20429),
    5xx may have been, whatever code the body carries.
    """
    known = _table().get(str(code))
    if http_status == _TOO_MANY:
        return known if known and known.kind in PASSING else _table()["20429"]
    if http_status is not None and not _was_refused(http_status):
        return known if known and known.kind == "unknown" else _table()["unknown"]
    if known:
        return known
    if http_status in _CREDENTIALS or (http_status == _FORBIDDEN and code is None):
        return _table()["20003"]
    return _table()["default"]


def _was_refused(status: int) -> bool:
    return 400 <= status < 500 and status != _REQUEST_TIMEOUT


@cache
def _table() -> dict[str, Verdict]:
    text = files("schemas").joinpath("twilio_codes.json").read_text(encoding="utf-8")
    return {code: Verdict(**entry) for code, entry in json.loads(text).items()}
