"""What vendors refuse of ours, whichever number it is about: of all workers, in words, with what to do. Pure."""

from collections.abc import Iterable
from typing import Any, Final

from schemas.account_codes import verdict_of
from web.workers import Views

Json = dict[str, Any]

_WAITING: Final = {"account": "all that is for it waits", "first_messages": "first messages wait, answers do not"}
_USER_IDS: Final = "user_ids"
_NO_USER_IDS: Final = {
    "why": "the account may not send to business-scoped ids",
    "action": "ask Twilio to enable it; people whose number is known are written to there",
}


def refusals(views: Views) -> list[Json]:
    """Return them, one for each vendor and scope: `code`, `since` when first, `until` when it is tried again next, `why`
    and `action` in English.
    """
    joined: dict[tuple[str, str], Json] = {}
    for told in _told(views):
        known = joined.setdefault((told["vendor"], told["scope"]), dict(told))
        known["since"] = min(known["since"], told["since"])
        known["until"] = min(known["until"], told["until"])
    return [_in_words(each) for _, each in sorted(joined.items())]


def _told(views: Views) -> Iterable[Json]:
    for view in views.values():
        yield from (view or {}).get("refused", [])


def _in_words(told: Json) -> Json:
    if told["scope"] == _USER_IDS:
        return told | _NO_USER_IDS
    verdict = verdict_of(told["vendor"], told["code"])
    return told | {"why": verdict.en, "action": verdict.do_en}


def line(refusal: Json) -> str:
    """Return a refusal as `/health` tells it."""
    waits = _WAITING.get(refusal["scope"], "it waits")
    action = f"; to do: {refusal['action']}" if refusal["action"] else ""
    where = f"{refusal['why']} ({refusal['vendor']} {refusal['code']})"
    if refusal["scope"] == _USER_IDS:
        return f"{where}: what is for them alone is not sent since {refusal['since']}{action}"
    return f"{where}: {waits} since {refusal['since']}, tried again at {refusal['until']}{action}"
