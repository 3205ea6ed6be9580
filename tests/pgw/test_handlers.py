"""What the gateway does about its own events ..."""

import pytest

from kernel import ids
from kernel.handlers import Fact, handlers_of
from kernel.tenancy import TenantScope
from mpac.pgw import events
from mpac.pgw.domain.lateness import Source
from mpac.pgw.domain.partner_events import TOLD
from tests.pgw.partners import deliveries, endpoint, events_told, relay

MORE = (events.RefundFact, events.DisputeFact)
OF_INTENTS = [kind for kind in TOLD if issubclass(kind, events.IntentFact) and not issubclass(kind, MORE)]


def happened(kind, *, psp_id=1, merchant_id=11, object_id=None, livemode=False, **more):
    object_id = object_id or ids.encode("pi", ids.uuid7())
    return kind(
        aggregate_id=object_id,
        psp_id=psp_id,
        merchant_id=merchant_id,
        store_id=111,
        intent_id=object_id,
        status="x",
        amount_minor=12550,
        currency="THB",
        source="api",
        livemode=livemode,
        **more,
    )


def deliver(event, *, now, event_id=None):
    event_id = event_id or ids.uuid7()
    (handler,) = [each for each in handlers_of(event.type) if each.consumer == "pgw.tell_partner"]
    return handler.handle(event, event_id=event_id, now=now)


@pytest.mark.parametrize("kind", OF_INTENTS, ids=lambda kind: kind.__name__)
def test_tells_the_partner_once_however_often_it_is_delivered(database, now, kind):
    made = endpoint(now=now)
    event, event_id = happened(kind), ids.uuid7()
    assert [deliver(event, now=now, event_id=event_id) for _ in range(2)] == [True, False]
    (told,), (delivery,) = events_told(), deliveries()
    assert (told.pk, told.type, told.sequence, told.object_id) == (
        event_id,
        TOLD[kind],
        1,
        event.aggregate_id,
    )
    assert told.created_at == ids.created_at_of(event_id)
    assert (delivery.event_id, delivery.endpoint_id, delivery.status) == (
        event_id,
        made.endpoint.pk,
        "pending",
    )


def test_counts_the_events_of_each_object_from_one(database, now):
    first, second = (ids.encode("pi", ids.uuid7()) for _ in range(2))
    for object_id in (first, second, first, first, second):
        deliver(happened(events.PaymentIntentProcessing, object_id=object_id), now=now)
    found = [(told.object_id, told.sequence) for told in events_told()]
    assert found == [(first, 1), (second, 1), (first, 2), (first, 3), (second, 2)]


def test_tells_many_events_at_once_as_it_tells_one_after_the_other(database, now):
    made = endpoint(now=now, event_types=["payment_intent.processing"])
    first, second = (ids.encode("pi", ids.uuid7()) for _ in range(2))
    deliver(happened(events.PaymentIntentCreated, object_id=first), now=now)
    kinds = [(events.PaymentIntentProcessing, first), (events.PaymentIntentCreated, second)]
    kinds += [(events.PaymentIntentSucceeded, first), (events.PaymentIntentProcessing, second)]
    facts = [Fact(happened(kind, object_id=object_id), ids.uuid7()) for kind, object_id in kinds]
    (handler,) = [each for each in handlers_of(facts[0].event.type) if each.consumer == "pgw.tell_partner"]
    assert [handler.handle_together(facts, now=now) for _ in range(2)] == [4, 0]
    found = [(told.object_id, told.sequence) for told in events_told()]
    assert found == [(first, 1), (first, 2), (second, 1), (first, 3), (second, 2)]
    assert sorted((each.event_id, each.endpoint_id) for each in deliveries()) == sorted(
        (facts[index].event_id, made.endpoint.pk) for index in (0, 3)
    )


def test_opens_deliveries_to_those_endpoints_that_want_the_event(database, now):
    wanting = endpoint(now=now, event_types=["payment_intent.succeeded", "payment_intent.failed"])
    everything = endpoint(now=now, url="https://other.example.com/")
    endpoint(now=now, event_types=["payment_intent.created"])
    deliver(happened(events.PaymentIntentSucceeded), now=now)
    assert {each.endpoint_id for each in deliveries()} == {wanting.endpoint.pk, everything.endpoint.pk}


def test_keeps_test_and_live_and_partners_apart(database, now):
    live = endpoint(now=now, livemode=True)
    endpoint(now=now, livemode=False)
    endpoint(now=now, scope=TenantScope(2), livemode=True)
    deliver(happened(events.PaymentIntentSucceeded, livemode=True), now=now)
    assert [(each.endpoint_id, each.livemode, each.psp_id) for each in deliveries()] == [
        (live.endpoint.pk, True, 1)
    ]


def test_keeps_events_that_nobody_listens_to(database, now):
    deliver(happened(events.PaymentIntentCreated), now=now)
    assert (len(events_told()), deliveries()) == (1, [])


def test_tells_a_sale_in_its_order(gateway):
    intent = gateway.shown(source=Source.API)
    relay()
    found = [(told.type.removeprefix("payment_intent."), told.sequence) for told in events_told()]
    assert found == [("created", 1), ("processing", 2), ("action_required", 3)]
    assert {told.object_id for told in events_told()} == {ids.encode("pi", intent.pk)}
    assert {(told.psp_id, told.merchant_id, told.store_id) for told in events_told()} == {(1, 11, 111)}
