"""Faust agents, which only hand their topics' events over. If one raised, Faust would commit the event."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import faust
import structlog

from schemas.topics import topic_name
from streams.engine.offsets import TopicPartition

log = structlog.get_logger()

Take = Callable[[TopicPartition, Any], Awaitable[None]]
"""Takes over a Faust event, whose `message` has key, value, headers, offset; acknowledges it later."""

# Between two tries at something that should never fail; nothing else of this topic proceeds meanwhile.
_PAUSE_SECONDS = 1.0


def attach(
    app: faust.App,
    topics: list[str],
    prefix: str,
    schema: faust.Schema,
    take: Take,
    *,
    pause_seconds: float = _PAUSE_SECONDS,
) -> None:
    """Give the app one agent per topic; topics share nothing in Faust, and the mailboxes join them."""
    for topic in topics:
        source = app.topic(topic_name(prefix, topic), schema=schema)
        app.agent(source, name=f"take-{topic}")(_agent(topic, take, pause_seconds))


def _agent(topic: str, take: Take, pause_seconds: float) -> Callable[[Any], Awaitable[None]]:
    async def agent(stream: Any) -> None:  # noqa: ANN401 - faust is untyped
        async for event in stream.noack().events():
            await _take_surely(take, TopicPartition(topic, event.message.partition), event, pause_seconds)

    return agent


async def _take_surely(
    take: Take,
    source: TopicPartition,
    event: Any,  # noqa: ANN401 - faust is untyped
    pause_seconds: float,
) -> None:
    while True:
        try:
            return await take(source, event)
        except Exception:  # noqa: BLE001 - see the module: raising would commit the event unseen
            log.exception("event could not be taken over and is tried again", topic=source.topic)
            await asyncio.sleep(pause_seconds)
