"""The worker's side of a trace: a batch's handling goes on where its first event's trace left off."""

from collections.abc import Awaitable, Callable

from opentelemetry.trace import SpanKind

from schemas.tracing import link, span
from streams.engine.work import Batch


class Traced:
    """Stands before a mailbox's handler. A burst shares one answer: the others' traces are linked."""

    def __init__(self, handle: Callable[[Batch], Awaitable[None]]) -> None:
        self._handle = handle

    async def __call__(self, batch: Batch) -> None:
        item = batch.first
        with span(f"handle {item.source.topic}", SpanKind.CONSUMER, item.trace, partition=item.source.partition) as current:
            try:
                await self._handle(batch)
            finally:
                for other in batch.items[1:]:
                    link(current, other.trace)
