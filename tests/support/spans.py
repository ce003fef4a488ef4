"""Spans in memory. The library takes one provider per process, so all tests share it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from process.tracing import recording


@cache
def _provider() -> TracerProvider:
    made = TracerProvider()
    trace.set_tracer_provider(made)
    return made


@contextmanager
def recorded() -> Iterator[InMemorySpanExporter]:
    """Record the spans that end within. Afterwards nothing is recorded, as other tests expect."""
    found = InMemorySpanExporter()
    _provider().add_span_processor(SimpleSpanProcessor(found))
    with recording():
        yield found
    found.shutdown()
