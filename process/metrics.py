"""What Prometheus scrapes from a process, and what every process measures.

That is how late its loop is (a late one makes everything late, and shows nowhere else), and how long its
calls of vendors take and what comes of them.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from aiohttp import web
from opentelemetry.trace import SpanKind
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

from process.tracing import span
from schemas.errors import RetryableError, TerminalError, UnknownOutcome

_DELAY = Histogram(
    "whatsapp_loop_delay_seconds",
    "How late the event loop comes to what is due.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
# Often enough to catch a delay of half a second, seldom enough to cost nothing.
_LOOK_EVERY_SECONDS = 0.5
_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)
_SECONDS = Histogram(
    "whatsapp_vendor_call_seconds", "Calls of vendors.", ["vendor", "operation"], buckets=_BUCKETS
)
_OUTCOMES = Counter(
    "whatsapp_vendor_calls",
    "Calls of vendors by outcome and code.",
    ["vendor", "operation", "outcome", "code"],
)

# There are some dozens of vendors' codes; whatever else comes in their place must not grow the metrics.
_LONGEST_CODE = 6
_OUTCOME_OF = ((RetryableError, "retryable"), (UnknownOutcome, "unknown"), (TerminalError, "terminal"))

_took = cache(_SECONDS.labels)
_ended = cache(_OUTCOMES.labels)


def exposition() -> web.Response:
    """Return the response to `/metrics`, in Prometheus' text format."""
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def watch_loop(
    look_every_seconds: float = _LOOK_EVERY_SECONDS, clock: Callable[[], float] = time.monotonic
) -> None:
    """Measure, until cancelled, how late the loop is."""
    while True:
        due = clock() + look_every_seconds
        await asyncio.sleep(look_every_seconds)
        _DELAY.observe(max(0.0, clock() - due))


def label_of(code: str | None) -> str:
    """Return a vendor's code as a label's value; empty for what is none, which could grow without bound."""
    return code if code and code.isalnum() and len(code) <= _LONGEST_CODE else ""


@contextmanager
def vendor_call(vendor: str, operation: str) -> Iterator[None]:
    """Measure one call of a vendor and its outcome."""
    begun = time.monotonic()
    outcome = "ok"
    code = ""
    try:
        with span(f"{vendor} {operation}", SpanKind.CLIENT):
            yield
    except (RetryableError, UnknownOutcome, TerminalError) as error:
        outcome = next(name for kind, name in _OUTCOME_OF if isinstance(error, kind))
        code = str(error.code or "")
        raise
    except BaseException:
        outcome = "cancelled"
        raise
    finally:
        _took(vendor, operation).observe(time.monotonic() - begun)
        _ended(vendor, operation, outcome, label_of(code)).inc()
