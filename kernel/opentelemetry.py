"""Traces through OpenTelemetry, sent to a collector by OTLP over HTTP. Imported only where an endpoint is set.

Every trace begins here: a caller's `traceparent` is noted as a link and decides nothing, or strangers could have all of
their requests recorded, or write into our traces. None is sent to providers and partners. A collector that is away costs
nothing but the spans: they wait in a bounded queue of their own thread, and what does not fit is dropped.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan

from kernel import tracing
from kernel.scrubbing import is_sensitive_name, scrub
from kernel.tracing import Kind, Span

EXPORT_TIMEOUT_S = 3.0
QUEUE = 2048
LONGEST_TEXT = 300
SERVER_ERROR = 500
KINDS = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "consumer": SpanKind.CONSUMER,
}
_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_ID = re.compile(r"[a-z]{2,4}_[0-9a-z]{26}|[0-9]{1,12}")


def start(*, endpoint: str, ratio: float, environment: str) -> None:
    """Trace this process, and send what was traced to `endpoint`; at the process's end the rest is sent."""
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces", timeout=EXPORT_TIMEOUT_S)
    processor = BatchSpanProcessor(  # one batch, so that the end of a process waits for one export at most
        exporter,
        max_queue_size=QUEUE,
        max_export_batch_size=QUEUE,
        export_timeout_millis=EXPORT_TIMEOUT_S * 1000,
    )
    tracing.use(OpenTelemetryTracer(processor, ratio=ratio, environment=environment))


class OpenTelemetryTracer:
    """Makes spans of OpenTelemetry's SDK."""

    def __init__(self, processor: SpanProcessor, *, ratio: float = 1.0, environment: str = "test") -> None:
        resource = Resource.create({"service.name": "mpac", "deployment.environment.name": environment})
        self.provider = TracerProvider(sampler=ParentBasedTraceIdRatio(ratio), resource=resource)
        self.provider.add_span_processor(processor)
        self._tracer = self.provider.get_tracer("mpac")

    @contextmanager
    def span(
        self, name: str, *, kind: Kind, parent: str, link: str, attributes: dict[str, Any]
    ) -> Iterator[Span]:
        """See `tracing.span`. An error that passes through is noted by its type: its words may hold anything."""
        above, beside = _context(parent), _context(link)
        with self._tracer.start_as_current_span(
            name,
            context=set_span_in_context(NonRecordingSpan(above)) if above else None,
            kind=KINDS[kind],
            links=[Link(beside)] if beside else None,
            record_exception=False,
            set_status_on_exception=False,
        ) as made:
            step = _Step(made)
            step.set(**attributes)
            trace_id = format(made.get_span_context().trace_id, "032x")
            with structlog.contextvars.bound_contextvars(trace_id=trace_id):
                try:
                    yield step
                except BaseException as error:
                    step.fail(type(error).__name__)
                    raise

    def parent(self) -> str:
        context = get_current_span().get_span_context()
        if not context.is_valid:
            return ""
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


class _Step:
    """A span that takes nothing but scrubbed, short values."""

    def __init__(self, made: OtelSpan) -> None:
        self._made = made

    def set(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            if value is not None and not is_sensitive_name(name):
                kept = scrub(value if isinstance(value, bool | int | float) else str(value))
                self._made.set_attribute(
                    f"mpac.{name}", kept[:LONGEST_TEXT] if isinstance(kept, str) else kept
                )

    def fail(self, what: str) -> None:
        self._made.set_status(Status(StatusCode.ERROR, what[:LONGEST_TEXT]))


class TraceMiddleware:
    """A request's span: its method, its route's pattern, its status, and the ids that its path names."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        theirs = request.headers.get("traceparent", "")
        with tracing.span("request", kind="server", link=theirs, method=request.method) as step:
            response = self.get_response(request)
            match = request.resolver_match
            step.set(
                route=match.route if match else "",
                status=response.status_code,
                request_id=response.headers.get("X-Request-Id"),
            )
            named = match.kwargs if match else {}
            step.set(**{name: value for name, value in named.items() if _ID.fullmatch(str(value))})
            if response.status_code >= SERVER_ERROR:
                step.fail(str(response.status_code))
        return response


def _context(parent: str) -> SpanContext | None:
    found = _PARENT.fullmatch(parent)
    if found is None or not int(found[1], 16) or not int(found[2], 16):
        return None
    return SpanContext(
        int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=TraceFlags(int(found[3], 16) & 1)
    )
