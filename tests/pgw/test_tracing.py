"""One trace follows a payment from its request to the partner who hears of it."""

import datetime as dt

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kernel import clock, tracing
from kernel.opentelemetry import OpenTelemetryTracer
from mpac.pgw.adapters.port import Unknown
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.doubles import answers
from tests.pgw.partners import Sent, endpoint, relay, send


@pytest.fixture
def spans():
    exporter = InMemorySpanExporter()
    tracer = OpenTelemetryTracer(SimpleSpanProcessor(exporter))
    tracing.use(tracer)
    yield exporter.get_finished_spans
    tracing.use(None)
    tracer.provider.shutdown()


def test_from_the_request_through_the_provider_to_the_partners_endpoint(gateway, spans):
    made, sent = endpoint(now=gateway.now), Sent()
    with tracing.span("request"):
        intent = gateway.shown()
    relay()
    send(sent, now=clock.now() + dt.timedelta(minutes=5))

    found = spans()
    request = next(span for span in found if span.name == "request")
    called = [span for span in found if span.name == "provider call"]
    told = [span for span in found if span.name == "partner call"]
    assert [dict(span.attributes) for span in called] == [
        {"mpac.provider": "fake", "mpac.operation": "create", "mpac.outcome": "success"}
    ]
    assert len(told) == len(sent.calls) == 3
    assert {span.context.trace_id for span in [*called, *told]} == {request.context.trace_id}
    assert {span.attributes["mpac.status"] for span in told} == {204}
    assert {span.attributes["mpac.endpoint_id"] for span in told} == {str(made.endpoint.pk)}
    shown = repr([span.to_json() for span in found])
    assert made.secret not in shown
    assert intent.next_action["qr_payload"] not in shown
    assert all(call.body.decode() not in shown for call in sent.calls)


def test_from_a_job_into_the_threads_that_ask_providers(gateway, provider, spans):
    provider.on_create.append(answers(Unknown(code="timeout", message="")))
    gateway.shown()
    with tracing.span("job"):
        assert resolve_due_attempts(now=gateway.later(10)) == 1
    job = next(span for span in spans() if span.name == "job")
    asked = [span for span in spans() if span.name == "provider call" and span.parent is not None]
    assert [span.attributes["mpac.operation"] for span in asked] == ["probe", "reissue"]
    assert {span.parent.span_id for span in asked} == {job.context.span_id}
