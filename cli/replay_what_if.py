"""`replay --mode what-if`: which decisions would differ today."""

import json
import sys
from dataclasses import asdict

from cli.connected import pool_of
from rules.policy import Policy
from schemas.errors import InvalidInput, Unavailable
from schemas.settings import Settings
from streams.replay.candidates import Wanted
from streams.replay.reader import Reader
from streams.replay.what_if import TOPICS, Comparison, WhatIf
from streams.replay.window import Window

# One line per difference; --json shows all of it.
_LONGEST = 100


async def run_what_if(
    settings: Settings, topic: str, window: Window, wanted: Wanted, *, as_json: bool
) -> int:
    """Compare and print; return 0, even if decisions differ.

    Raises:
        InvalidInput: no decisions are made about the topic's events.
        Unavailable: the window holds nothing.
    """
    if topic not in TOPICS:
        raise InvalidInput("topic", f"--mode what-if reads one of: {', '.join(TOPICS)}")
    pool = await pool_of(settings)
    try:
        comparing, read = WhatIf(Policy.of(settings), pool, wanted, settings.country), 0
        async with Reader(settings, topic, window) as reader:
            async for records in reader.batches():
                await comparing.compare(records)
                read += len(records)
    finally:
        await pool.close()
    if not read:
        raise Unavailable(f"no event of {topic} in this window")
    _print(topic, read, comparing.result, as_json=as_json)
    return 0


def _print(topic: str, read: int, result: Comparison, *, as_json: bool) -> None:
    if as_json:
        counts: dict[str, object] = {
            "topic": topic,
            "events": read,
            "unknown": result.unknown,
            "unreadable": result.unreadable,
        }
        counts |= {"compared": dict(result.compared), "differing": dict(result.differing)}
        print(
            json.dumps(
                counts | {"shown": [asdict(each) for each in result.shown]}, ensure_ascii=False, default=str
            )
        )
        return
    print(
        f"{read} events of {topic}; {result.unknown} the journal does not know, "
        f"{result.unreadable} unreadable"
    )
    for what, count in result.compared.items():
        print(f"  {what}: {result.differing[what]} of {count} decisions would differ")
    for each in result.shown:
        print(f"{each.origin} {each.what}: {str(each.was)[:_LONGEST]!r} -> {str(each.now)[:_LONGEST]!r}")
    if sum(result.differing.values()) > len(result.shown):
        print("(more differ than are shown)", file=sys.stderr)
