"""What the workers' own views say when taken together. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.account_codes import verdict_of

Json = dict[str, Any]
Views = Mapping[str, Json | None]
"""Each worker's `/partitions` by its address; None if it does not answer."""

# A worker is asked every 2.5 s and has a second to answer. A healthy one counts as silent only after missing
# three of these; that one is silent is said within 15 s.
SILENT_SECONDS = 8.0
# Seven tries take a minute; what is tried a third time was not a momentary fault.
_TRIED_AGAIN_SECONDS = 5.0
# Events are published five times a second.
_UNPUBLISHED_SECONDS = 15.0
_MOST_RETRIED = 5

CONTRADICTED: Final = "addresses came with two numbers within the last hour"
"""Nothing is merged then; what came stays with each."""


class LastSeen:
    """`views`: what each worker told last, None if too long ago. Pure; told the time in monotonic seconds."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, Json]] = {}
        self.views: Views = {}

    def note(self, views: Views, now: float) -> None:
        """Record what was found.

        A worker never seen has as long to answer as any other; one that is no longer asked is forgotten.
        """
        self._told = {url: told for url, told in self._told.items() if url in views}
        for url, view in views.items():
            if view is not None or url not in self._told:
                self._told[url] = now, view or {}
        self.views = {
            url: view if now - at < SILENT_SECONDS else None for url, (at, view) in self._told.items()
        }


def standing(views: Views) -> list[str]:
    """Return what keeps work from going on, a line each."""
    silent = sum(view is None for view in views.values())
    lines = ["no worker answers" if silent == len(views) else "a worker does not answer"] if silent else []
    for view in views.values():
        lines += (view or {}).get("standing", [])
    return list(dict.fromkeys(lines))


def late(views: Views) -> list[str]:
    """Return what takes longer than it should, a line each."""
    found = unfinished(views)
    lines = [
        f"tried again and again: {each['why']}"
        for each in found["retried"]
        if each["seconds"] > _TRIED_AGAIN_SECONDS
    ]
    if (found["oldest"].get("unpublished") or 0) > _UNPUBLISHED_SECONDS:
        lines.append("events wait to be published")
    if found["contradicted_addresses_last_hour"]:
        lines.append(CONTRADICTED)
    return list(dict.fromkeys(lines))


def unfinished(views: Views) -> Json:
    """Return what all workers have under way. `oldest`: seconds by kind; `retried`: the oldest retries."""
    told = [view for view in views.values() if view is not None]
    oldest: dict[str, float | None] = {}
    for view in told:
        for kind, seconds in view.get("oldest", {}).items():
            oldest[kind] = max(filter(None, (oldest.get(kind), seconds)), default=None)
    retried = sorted(
        (each for view in told for each in view.get("retried", [])), key=lambda each: -each["seconds"]
    )
    return {
        "answering": len(told),
        "silent": len(views) - len(told),
        "behind": sum(view.get("behind", 0) for view in told),
        "unpublished": sum(view.get("unpublished", 0) for view in told),
        "contradicted_addresses_last_hour": sum(
            view.get("contradicted_addresses_last_hour", 0) for view in told
        ),
        "oldest": oldest,
        "retried": retried[:_MOST_RETRIED],
    }


@dataclass(slots=True)
class Workers:
    """What all workers tell."""

    #: A row for each partition with something unfinished or not read yet.
    lag: list[Json] = field(default_factory=list)
    pauses: list[str] = field(default_factory=list)
    #: Who does not answer.
    unreachable: list[str] = field(default_factory=list)


def told(views: Mapping[str, Json | None]) -> Workers:
    """Join the workers' `/partitions`, given by address; None where there was no answer."""
    workers = Workers(unreachable=[url for url, view in views.items() if view is None])
    for view in views.values():
        if view is not None:
            workers.lag += _rows(view)
            workers.pauses += [vendor for vendor in view.get("paused", []) if vendor not in workers.pauses]
    workers.lag.sort(key=lambda row: str(row["name"]))
    return workers


def _rows(view: Json) -> list[Json]:
    behind, unfinished = view.get("lag", {}), view.get("partitions", {})
    names = [name for name in behind.keys() | unfinished.keys() if behind.get(name) or name in unfinished]
    nothing = {"unfinished": 0, "oldest_seconds": None}
    return [nothing | unfinished.get(name, {}) | {"name": name, "lag": behind.get(name, 0)} for name in names]


_WAITING: Final = {
    "account": "all that is for it waits",
    "first_messages": "first messages wait, answers do not",
}
_USER_IDS: Final = "user_ids"
_NO_USER_IDS: Final = {
    "why": "the account may not send to business-scoped ids",
    "action": "ask Twilio to enable it; people whose number is known are written to there",
}


def refusals(views: Views) -> list[Json]:
    """Return the vendors' refusals, one for each vendor and scope.

    Each has `code`, `since` (the first), `until` (the next try), and `why` and `action` in English.
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


def refusal_line(refusal: Json) -> str:
    """Return a refusal as `/health` tells it."""
    waits = _WAITING.get(refusal["scope"], "it waits")
    action = f"; to do: {refusal['action']}" if refusal["action"] else ""
    where = f"{refusal['why']} ({refusal['vendor']} {refusal['code']})"
    if refusal["scope"] == _USER_IDS:
        return f"{where}: what is for them alone is not sent since {refusal['since']}{action}"
    return f"{where}: {waits} since {refusal['since']}, tried again at {refusal['until']}{action}"
