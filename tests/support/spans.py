"""Spans in memory. The library takes one provider a process, so all tests share it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from unittest.mock import patch

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from process import tracing


@cache
def _provider() -> TracerProvider:
    made = TracerProvider()
    trace.set_tracer_provider(made)
    return made


@contextmanager
def recorded() -> Iterator[InMemorySpanExporter]:
    """Return the spans that end within; after it nothing is recorded again, as other tests expect it."""
    found = InMemorySpanExporter()
    _provider().add_span_processor(SimpleSpanProcessor(found))
    with patch.object(tracing, "_is_recorded", True):
        yield found
    found.shutdown()
