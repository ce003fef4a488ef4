"""What the workers' own views tell of all of them together. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True)
class Workers:
    """`lag`: a row for each partition with something unfinished or not read yet; `unreachable`: who does not answer."""

    lag: list[Json] = field(default_factory=list)
    pauses: list[str] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)


def told(views: Mapping[str, Json | None]) -> Workers:
    """Join the workers' `/partitions`, by their addresses; None where there was no answer."""
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
