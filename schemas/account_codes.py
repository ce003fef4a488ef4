"""What a vendor's refusal of our account means in words, and what somebody must do about it. Pure."""

import json
from functools import cache
from importlib.resources import files

from schemas.twilio_codes import classify
from schemas.verdicts import Verdict


def verdict_of(vendor: str, code: str) -> Verdict:
    """Return what a code of a vendor means."""
    if vendor == "twilio":
        return classify(code)
    table = _elevenlabs()
    return table.get(code, table["default"])


@cache
def _elevenlabs() -> dict[str, Verdict]:
    text = files("schemas").joinpath("elevenlabs_codes.json").read_text(encoding="utf-8")
    return {code: Verdict(**entry) for code, entry in json.loads(text).items()}
