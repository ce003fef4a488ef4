"""What `/metrics` of a worker tells. No numbers of people in labels, and no label whose values grow without bound.

What is counted for each message has its label looked up once: that costs ten times as much as counting.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Gauge, Histogram

from schemas.errors import RetryableError, TerminalError, UnknownOutcome
from schemas.tracing import span

# A step takes milliseconds, an agent seconds; up to the longest patience of a turn.
_STEP_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_CALL_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)
_TURN_BUCKETS = (0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 300)

_TURNS = Histogram(
    "whatsapp_turn_seconds", "Turns by kind and outcome: done, failed, held, fenced.", ["kind", "outcome"],
    buckets=_TURN_BUCKETS,
)  # fmt: skip
_STEPS = Histogram("whatsapp_step_seconds", "Steps of the journal, wait included.", ["step"], buckets=_STEP_BUCKETS)
_CALLS = Histogram("whatsapp_vendor_call_seconds", "Calls of vendors.", ["vendor", "operation"], buckets=_CALL_BUCKETS)
_OUTCOMES = Counter(
    "whatsapp_vendor_calls", "Calls of vendors by outcome and code.", ["vendor", "operation", "outcome", "code"]
)
RETRIES = Counter("whatsapp_retries", "Attempts after the first, of vendors' calls.")
_RECONCILIATIONS = Counter("whatsapp_reconciliations", "Sends of unknown outcome, by what was found out.", ["found"])
REDELIVERIES = Counter("whatsapp_redeliveries", "Events that had been taken up before.")
REBALANCES = Counter("whatsapp_rebalances", "Assignments of partitions to this worker.")
DEAD_LETTERS = Counter("whatsapp_dead_letters", "Events that became dead letters.", ["topic"])
LOOP_DELAY = Histogram(
    "whatsapp_loop_delay_seconds", "How late the event loop comes to what is due.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)  # fmt: skip
MAILBOXES = Gauge("whatsapp_mailboxes", "Numbers with something in their mailbox.")
IN_FLIGHT = Gauge("whatsapp_in_flight", "Batches being handled.")
WINDOW = Gauge("whatsapp_window_events", "Fetched and unfinished events.", ["topic"])
OLDEST = Gauge("whatsapp_oldest_event_seconds", "Age of the oldest fetched and unfinished event.", ["topic"])
BEHIND = Gauge("whatsapp_events_behind", "Events that wait: in Kafka, or between their fetch and their end.")
PROGRESS = Gauge("whatsapp_seconds_since_progress", "Since anything moved; declared pauses count as progress.")
PARTITIONS = Gauge("whatsapp_partitions_owned", "Partitions that this worker owns.")
LOST_OFFSETS = Gauge(
    "whatsapp_lost_offsets", "Partitions whose committed offset the log had no more, since this worker started.", ["topic"]
)
PAUSED = Gauge("whatsapp_vendor_paused", "1 while the vendor is left alone because it is away.", ["vendor"])

# Vendors' codes are some dozens; whatever else they send in their place must not grow the metrics.
_LONGEST_CODE = 6
_LOOK_EVERY_SECONDS = 0.5

_OUTCOME_OF = ((RetryableError, "retryable"), (UnknownOutcome, "unknown"), (TerminalError, "terminal"))

turn_took = cache(_TURNS.labels)
step_took = cache(_STEPS.labels)
reconciled = cache(_RECONCILIATIONS.labels)
_call_took = cache(_CALLS.labels)
_call_ended = cache(_OUTCOMES.labels)


@contextmanager
def vendor_call(vendor: str, operation: str) -> Iterator[None]:
    """Measure one call of a vendor and what came of it."""
    begun, outcome, code = time.monotonic(), "ok", ""
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
        _call_took(vendor, operation).observe(time.monotonic() - begun)
        _call_ended(vendor, operation, outcome, code if code.isalnum() and len(code) <= _LONGEST_CODE else "").inc()


async def watch_loop() -> None:
    """Measure, until cancelled, how late the loop is."""
    while True:
        due = time.monotonic() + _LOOK_EVERY_SECONDS
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
        LOOP_DELAY.observe(max(0.0, time.monotonic() - due))
