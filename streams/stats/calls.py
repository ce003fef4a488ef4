"""What became of each call that began a conversation: campaigns' figures. Pure; changes nothing in place.

A call is plain JSON: the day on which it began, its turn, its campaign, `FATES` as 0 or 1, and the reasons
for failures with how often each came. It counts for the day on which it began, whenever its fate comes: a
campaign's delivered, read and answered calls are a part of those that it started.
"""

from typing import Any

from streams.stats.event import Event

Call = dict[str, Any]

FATES = ("delivered", "read", "answered", "escalated", "stopped", "failed")
"""`delivered`, `read`: its first message. `stopped`: the client opted out. `failed`: anything of it did."""

_FATE_OF_TYPE = {"received": "answered", "escalated": "escalated", "opted_out": "stopped", "failed": "failed"}
_UNKNOWN_REASON = "unknown"
# Campaigns name reasons by the vendors' codes, which are short; whatever else comes in their place is cut.
_LONGEST_REASON = 40


def begun(event: Event, day: str, *, answered: bool) -> Call:
    """Return a call that has just begun. `answered`: its client had written before and was waiting for it."""
    return {
        "day": day,
        "turn": event.data.get("turn_id"),
        "batch_id": event.data.get("batch_id"),
        "group_id": event.data.get("group_id"),
        **dict.fromkeys(FATES, 0),
        "answered": int(answered),
        "reasons": {},
    }


def after(calls: list[Call], event: Event) -> list[Call]:
    """Return the calls after an event; the very same list if it changes nothing."""
    if event.type == "delivered":
        return _delivered(calls, event)
    fate = _FATE_OF_TYPE.get(event.type)
    if fate is None or not calls:
        return calls
    last = calls[-1]
    if event.type == "failed":
        reason = str(event.data.get("code") or event.data.get("what") or _UNKNOWN_REASON)[:_LONGEST_REASON]
        reasons = {**last["reasons"], reason: last["reasons"].get(reason, 0) + 1}
        return [*calls[:-1], {**last, "failed": 1, "reasons": reasons}]
    return calls if last[fate] else [*calls[:-1], {**last, fate: 1}]


def _delivered(calls: list[Call], event: Event) -> list[Call]:
    """Return the calls after a first message's report, which may come after a later call has begun.

    A status on the way to `delivered` changes nothing.
    """
    status, turn = event.data.get("status"), event.data.get("turn_id")
    if event.data.get("kind") != "first" or status not in ("delivered", "read"):
        return calls
    fates = {"delivered": 1, "read": 1} if status == "read" else {"delivered": 1}
    return [{**call, **fates} if call["turn"] == turn else call for call in calls]


def kept_calls(calls: list[Call], oldest: str) -> list[Call]:
    """Return the calls from the day `oldest` on."""
    return (
        calls if not calls or calls[0]["day"] >= oldest else [call for call in calls if call["day"] >= oldest]
    )
