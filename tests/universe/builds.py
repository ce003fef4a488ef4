"""Deploys: another build arrives, process by process, while the former one still runs.

Every other build knows one more thing about a conversation and about each event. The others must not stumble
over it when it reaches them through rows and topics. A schema upgrade raises all epochs first, so the former
build changes nothing from then on.
"""

from collections.abc import Callable, Sequence
from typing import Any

from db.pool import POSTGRES_ERRORS
from db.store.ownership import claim
from tests.universe.world import Process

Adds = Callable[[Sequence[str], Sequence[Any]], Sequence[Any]]
"""Returns the arguments of a writing statement, by their names, as a build has them."""
ADDED = "of_another_build"
_BUILDS = 2


def as_it_is(names: Sequence[str], arguments: Sequence[Any]) -> Sequence[Any]:
    """Return what this build writes."""
    return arguments


def _with_more(names: Sequence[str], arguments: Sequence[Any]) -> Sequence[Any]:
    """Return what a build writes that knows more."""
    values = dict(zip(names, arguments, strict=True))
    values["state"] = [
        None if each is None else f'{{"{ADDED}":{{"a":1}},{each[1:]}' for each in values["state"]
    ]
    if "log_data" in values:
        values["log_data"] = [each | {"data": each["data"] | {ADDED: 1}} for each in values["log_data"]]
    return list(values.values())


def adds(build: int) -> Adds:
    """Return how a build writes."""
    return _with_more if build % _BUILDS else as_it_is


def without(data: dict[str, Any]) -> dict[str, Any]:
    """Return an event's data without what another build added."""
    return {name: value for name, value in data.items() if name != ADDED}


async def fence(pool: Any, process: Process, partitions: int) -> None:  # noqa: ANN401
    """Own every partition for a moment, as an upgrade does. It may be interrupted at any time."""
    try:
        await claim(pool, range(partitions), process.name, process.world.new_id)
    except POSTGRES_ERRORS as error:
        process.world.note("fence fails", process.name, type(error).__name__)
    process.kill()
