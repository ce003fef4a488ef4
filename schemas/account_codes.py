"""Why a vendor refuses our account, or an agent gave no answer, in words, and what to do about it. Pure."""

import json
from functools import cache
from importlib.resources import files

from schemas.twilio_codes import classify
from schemas.verdicts import Verdict


def verdict_of(vendor: str, code: str) -> Verdict:
    """Return what a vendor's code means."""
    if vendor == "twilio":
        return classify(code)
    table = _table("elevenlabs_codes.json")
    return table.get(code, table["default"])


def agent_problem(code: str | None) -> Verdict:
    """Return why a client got an apology instead of the agent's answer.

    `code`: the event's; None: the answer took too long.
    """
    table = _table("agent_codes.json")
    return table.get(code or "none") or _table("elevenlabs_codes.json").get(code or "") or table["default"]


@cache
def _table(name: str) -> dict[str, Verdict]:
    text = files("schemas").joinpath(name).read_text(encoding="utf-8")
    return {code: Verdict(**entry) for code, entry in json.loads(text).items()}
