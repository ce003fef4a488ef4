"""Calls of vendors, measured: how long they take, what they come to."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Histogram

from process.tracing import span
from schemas.errors import RetryableError, TerminalError, UnknownOutcome

_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)
_SECONDS = Histogram(
    "whatsapp_vendor_call_seconds", "Calls of vendors.", ["vendor", "operation"], buckets=_BUCKETS
)
_OUTCOMES = Counter(
    "whatsapp_vendor_calls", "Calls of vendors by outcome and code.", ["vendor", "operation", "outcome", "code"]
)

# Vendors' codes are some dozens; whatever else they send in their place must not grow the metrics.
_LONGEST_CODE = 6
_OUTCOME_OF = ((RetryableError, "retryable"), (UnknownOutcome, "unknown"), (TerminalError, "terminal"))

_took = cache(_SECONDS.labels)
_ended = cache(_OUTCOMES.labels)


@contextmanager
def vendor_call(vendor: str, operation: str) -> Iterator[None]:
    """Measure one call of a vendor and what came of it."""
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
        _ended(vendor, operation, outcome, code if code.isalnum() and len(code) <= _LONGEST_CODE else "").inc()
