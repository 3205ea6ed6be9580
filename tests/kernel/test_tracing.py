"""A trace ..."""

import dataclasses

import pytest
import structlog
from django.conf import settings
from django.db import connections
from django.http import HttpResponse
from django.test import RequestFactory
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kernel import clock, handlers, opentelemetry, tracing
from kernel.db import ContextDb
from kernel.events import Event
from kernel.opentelemetry import OpenTelemetryTracer, TraceMiddleware
from kernel.outbox import publish
from kernel.tenancy import TenantScope
from tests.delivery import deliver_all

DB = ContextDb("sync", alias="sync")
SCOPE = TenantScope(1, 10)
THEIRS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Traced(Event):
    """For tests."""

    type = "test.traced"


@pytest.fixture
def spans():
    """Traces into memory; gives the ended spans."""
    exporter = InMemorySpanExporter()
    tracer = OpenTelemetryTracer(SimpleSpanProcessor(exporter))
    tracing.use(tracer)
    yield exporter.get_finished_spans
    tracing.use(None)
    tracer.provider.shutdown()


def test_is_not_made_while_nobody_asked_for_it():
    assert not tracing.is_on()
    assert tracing.parent() == ""
    assert tracing.span("a", statement="x") is tracing.span("b")
    assert not any("opentelemetry" in each for each in settings.MIDDLEWARE)
    assert all(connections[alias].execute_wrappers == [] for alias in connections)


def test_begins_here_and_only_points_at_the_callers(spans):
    """Or strangers could have all of their requests recorded, or write into a trace of ours."""
    request = RequestFactory().get("/v1/x?token=secret", headers={"traceparent": THEIRS, "baggage": "a=b"})
    TraceMiddleware(lambda _request: HttpResponse())(request)
    (span,) = spans()
    assert span.parent is None
    assert f"{span.context.trace_id:032x}" not in THEIRS
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [THEIRS[3:35]]
    assert span.attributes == {"mpac.method": "GET", "mpac.route": "", "mpac.status": 200}


@pytest.mark.parametrize(
    "theirs", ["", "x", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", THEIRS + "-x", "01" + THEIRS[2:]]
)
def test_ignores_what_is_no_place_in_a_trace(spans, theirs):
    request = RequestFactory().get("/", headers={"traceparent": theirs})
    TraceMiddleware(lambda _request: HttpResponse())(request)
    assert spans()[0].links == ()


def test_carries_no_secret_and_no_card_number(spans):
    def stumble():
        with tracing.span("a", note="4111 1111 1111 1111", api_key="k", text="Bearer abcdefghijkl") as step:
            step.set(client_secret="s", where="pi_1_secret_abcdefgh", long="x" * 1000)
            raise ValueError("4111111111111111")

    with pytest.raises(ValueError):
        stumble()
    (span,) = spans()
    assert span.attributes == {
        "mpac.note": "[card]",
        "mpac.text": "Bearer [redacted]",
        "mpac.where": "pi_1_secret_[redacted]",
        "mpac.long": "x" * 300,
    }
    assert (span.status.description, span.events) == ("ValueError", ())


def test_binds_its_id_to_the_log(spans):
    with tracing.span("a"):
        bound = structlog.contextvars.get_contextvars()["trace_id"]
    assert bound == f"{spans()[0].context.trace_id:032x}"
    assert "trace_id" not in structlog.contextvars.get_contextvars()


def test_goes_on_in_another_thread(spans):
    with tracing.span("above"):
        carried = tracing.carried(tracing.parent)
        with tracing.span("beside"):
            pass
        here = tracing.parent()
    assert carried() == here


@pytest.fixture
def reaction(database, monkeypatch):
    seen = []
    monkeypatch.setattr(handlers, "_handlers", {})
    handlers.handles(Traced, db=DB, consumer="sync.test")(lambda event, *, now: seen.append(tracing.parent()))
    return seen


def tell():
    with DB.atomic(SCOPE):
        publish(DB, Traced(aggregate_id="thing:1", psp_id=1, merchant_id=10), now=clock.now())


def test_reaches_from_a_request_to_the_reactions_to_its_events(spans, reaction):
    with tracing.span("request"):
        tell()
    assert deliver_all([DB]) == 1
    request = next(span for span in spans() if span.name == "request")
    reacted = next(span for span in spans() if span.name == "reaction")
    assert (reacted.context.trace_id, reacted.parent.span_id) == (
        request.context.trace_id,
        request.context.span_id,
    )
    assert reaction == [f"00-{request.context.trace_id:032x}-{reacted.context.span_id:016x}-01"]


def test_that_is_not_sampled_is_not_sampled_anywhere(spans, reaction):
    tracing.use(OpenTelemetryTracer(SimpleSpanProcessor(InMemorySpanExporter()), ratio=0))
    with tracing.span("request"):
        tell()
        assert int(tracing.parent()[-2:], 16) & 1 == 0
    exporter = InMemorySpanExporter()
    tracing.use(OpenTelemetryTracer(SimpleSpanProcessor(exporter)))
    assert deliver_all([DB]) == 1
    assert [span.name for span in exporter.get_finished_spans() if span.name == "reaction"] == []


def test_shows_statements_as_the_code_words_them(spans, database):
    DB.connection.close()
    wrapped = type(DB.connection)(DB.connection.settings_dict, alias="sync")
    assert len(wrapped.execute_wrappers) == 1
    with DB.connection.execute_wrapper(wrapped.execute_wrappers[0]), DB.atomic(SCOPE):
        DB.execute("SELECT 1 FROM nonces WHERE nonce = %s", ["a-secret-value"])
    statements = [span.attributes["mpac.statement"] for span in spans() if span.name == "sql"]
    assert "SELECT 1 FROM nonces WHERE nonce = %s" in statements
    assert "a-secret-value" not in repr([span.to_json() for span in spans()])


def test_whose_collector_is_away_harms_nobody(monkeypatch):
    """Not while it works, nor at its end: a full queue is given up once, what came after it once more."""
    exports = []

    class Watched(OTLPSpanExporter):
        def __init__(self, *, endpoint, timeout):
            assert timeout == opentelemetry.EXPORT_TIMEOUT_S
            super().__init__(endpoint=endpoint, timeout=timeout)

        def export(self, spans):
            exports.append(len(spans))
            return super().export(spans)

    monkeypatch.setattr(opentelemetry, "OTLPSpanExporter", Watched)
    monkeypatch.setattr(opentelemetry, "EXPORT_TIMEOUT_S", 0.2)
    opentelemetry.start(endpoint="http://127.0.0.1:9", ratio=1.0, environment="test")
    tracer = tracing._tracer
    try:
        for _ in range(3000):  # more than the queue holds
            with tracing.span("a"):
                pass
    finally:
        tracing.use(None)
    tracer.provider.shutdown()
    assert len(exports) in {1, 2}
    assert sum(exports) <= 3000
