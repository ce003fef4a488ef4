"""Traces, each from the webhook or the call to the send, carried over Kafka in the W3C header `traceparent`.

Nothing is recorded until `tracing` is entered with an endpoint, and a span then costs next to nothing: the
library's own empty ones take 6 µs each, and a turn has a dozen. Spans hold no numbers, no texts and no error
messages, which may quote what a client wrote.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from schemas.settings import Settings
from schemas.topics import TRACE_HEADER

_SERVICE = "whatsapp-microservice"
_tracer = trace.get_tracer(_SERVICE)
_w3c = TraceContextTextMapPropagator()
_nothing = nullcontext(INVALID_SPAN)
_is_recorded = False

# A collector that is away must not hold up a process that was told to stop.
_EXPORT_SECONDS = 3.0


@contextmanager
def tracing(settings: Settings) -> Iterator[None]:
    """Export this process's spans to OTEL_EXPORTER_OTLP_ENDPOINT, if set; the rest goes out at the end.

    The library's other variables count too, such as OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER and
    OTEL_EXPORTER_OTLP_HEADERS.
    """
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        yield
        return
    # Imported here: 60 modules that a process without traces does not need.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS)
    # The name from the environment wins.
    resource = Resource({"service.name": _SERVICE}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    try:
        with recording():
            yield
    finally:
        provider.shutdown()


@contextmanager
def recording() -> Iterator[None]:
    """Make spans within, for the library's tracer provider; without it there are none."""
    global _is_recorded
    _is_recorded = True
    try:
        yield
    finally:
        _is_recorded = False


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, parent: str | None = None, **attributes: str | int
) -> AbstractContextManager[Span]:
    """Record what happens within. `parent`: a `traceparent` from elsewhere; None: the span open here."""
    return _recorded(name, kind, parent, attributes) if _is_recorded else _nothing


@contextmanager
def _recorded(
    name: str, kind: SpanKind, parent: str | None, attributes: dict[str, str | int]
) -> Iterator[Span]:
    context = _w3c.extract({TRACE_HEADER: parent}) if parent else None
    with _tracer.start_as_current_span(
        name, context, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def link(current: Span, traceparent: str | None) -> None:
    """Note that a span serves another trace as well."""
    if not _is_recorded:
        return
    found = trace.get_current_span(_w3c.extract({TRACE_HEADER: traceparent or ""})).get_span_context()
    if found.is_valid:
        current.add_link(found)


def is_recorded() -> bool:
    """Return whether this process records spans."""
    return _is_recorded


def current_trace() -> str | None:
    """Return the `traceparent` that continues the open trace, to be stored; None if nothing is recorded."""
    if not _is_recorded:
        return None
    carrier: dict[str, str] = {}
    _w3c.inject(carrier)
    return carrier.get(TRACE_HEADER)


def trace_headers() -> list[tuple[str, bytes]]:
    """Return the Kafka header that continues the open trace; none if nothing is recorded."""
    return trace_header(current_trace())


def trace_header(traceparent: str | None) -> list[tuple[str, bytes]]:
    """Return the Kafka header that carries a `traceparent` on; none if there is none."""
    return [(TRACE_HEADER, traceparent.encode())] if traceparent else []
