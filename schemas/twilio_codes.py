"""What Twilio's error codes mean for us. The codes are data (`twilio_codes.json`), the rules are here. Pure.

Kinds: see `schemas.verdicts`.

Twilio publishes no such classification; the facts are from its errors/N pages. It may add or change codes.
"""

import json
from dataclasses import replace
from functools import cache
from importlib.resources import files

from schemas.verdicts import PASSING, Verdict

_TOO_MANY = 429
# Twilio's have five digits, Meta's six.
_LONGEST_CODE = 6
# 407: a proxy in between wants credentials.
_CREDENTIALS = frozenset({401, 407})
_FORBIDDEN = 403
# A proxy's time-out: the request may have reached Twilio.
_REQUEST_TIMEOUT = 408


def classify(code: int | str | None, http_status: int | None = None) -> Verdict:
    """Judge an error. `http_status`: of a refused request; None for a code that came in a delivery report.

    The status takes precedence over the code where it says whether the request was processed: 429 never was
    (errors/20429), 5xx may have been, whatever code the body carries.
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
    return _unheard_of(code)


def template_codes() -> frozenset[str]:
    """Return the codes that say that a template is wrong, or missing."""
    return frozenset(code for code, verdict in _table().items() if verdict.of_template)


def _unheard_of(code: int | str | None) -> Verdict:
    """Return the verdict on a code that no table has, in words that invent nothing."""
    verdict, text = _table()["default"], str(code)
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_CODE):
        return verdict
    return replace(
        verdict,
        es=f"{verdict.es} por un motivo que no conocemos: véase la página de Twilio del error {text}",
        en=f"{verdict.en} for a reason unknown to us: see Twilio's page of error {text}",
    )


def _was_refused(status: int) -> bool:
    return 400 <= status < 500 and status != _REQUEST_TIMEOUT


@cache
def _table() -> dict[str, Verdict]:
    text = files("schemas").joinpath("twilio_codes.json").read_text(encoding="utf-8")
    return {code: Verdict(**entry) for code, entry in json.loads(text).items()}
