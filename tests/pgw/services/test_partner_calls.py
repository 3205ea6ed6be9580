"""A partner is called ..."""

import datetime as dt
import os
import threading
import time
from collections import Counter

import pytest
from django.db import connections

from kernel import clock, crashpoints, ids
from kernel.money import Money
from mpac.pgw import conf
from mpac.pgw.db import atomic
from mpac.pgw.domain.lateness import Source
from mpac.pgw.domain.partner_webhooks import LEASE, WINDOW
from mpac.pgw.models import WebhookDelivery
from mpac.pgw.services import partner_calls, partner_events
from mpac.pgw.services.partner_calls import give_up_webhooks
from mpac.pgw.services.webhook_endpoints import (
    EndpointChanges,
    change_endpoint,
    disable_endpoint,
    rotate_secret,
)
from tests.pgw.partners import (
    ALL_TENANTS,
    PARTNER,
    Sent,
    attempts,
    deliveries,
    endpoint,
    events_told,
    fill,
    pending,
    read,
    relay,
    send,
)

OTHER_URL = "https://other.example.com/"
AFTER_LEASE = LEASE + dt.timedelta(seconds=5)
HOUR = dt.timedelta(hours=1)
POINTS = ("pgw.partner_called",)
# How much every endpoint has to wait for: some in the suite, `MPAC_TEST_ROUNDS=1000` for the promise.
QUEUE = int(os.environ.get("MPAC_TEST_ROUNDS", "100"))


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def now():
    """A while after everything that is published meanwhile, so that all of it is due."""
    return clock.now() + dt.timedelta(minutes=5)


@pytest.fixture
def sent():
    return Sent()


@pytest.fixture
def told(gateway):
    """Makes events: as many intents as are asked for, each with one event."""

    def tell(count=1):
        for _ in range(count):
            gateway.create(amount=Money(100, "THB"))
        relay()

    return tell


def until_nothing_is_left(sent, *, now, step=HOUR, limit=200):
    """Let time pass until no delivery is pending; returns when that was."""
    for _ in range(limit):
        send(sent, now=now)
        if all(each.status != "pending" for each in deliveries()):
            return now
        now = max(
            now + dt.timedelta(seconds=1), *(each.next_try_at for each in deliveries() if each.next_try_at)
        )
    pytest.fail("a delivery is pending for ever")


def test_with_the_event_signed_and_under_its_id(told, sent, now):
    made = endpoint(now=now)
    told()
    assert send(sent, now=now) == 1
    (call,), (event,), (delivery,) = sent.calls, events_told(), deliveries()
    assert call.message_id == ids.encode("evt", event.pk)
    assert call.secrets == (made.secret,)
    (body,) = sent.bodies
    assert (body["id"], body["type"], body["sequence"]) == (call.message_id, "payment_intent.created", 1)
    assert (body["data"]["amount"], body["data"]["currency"], body["livemode"]) == (100, "THB", False)
    assert (delivery.status, delivery.tries, delivery.last_status_code) == ("delivered", 1, 204)
    assert (delivery.next_try_at, delivery.leased_until) == (None, None)
    assert send(sent, now=now + HOUR) == 0


def test_again_until_it_gets_through_under_the_same_id_and_with_the_same_words(told, sent, now):
    endpoint(now=now)
    told()
    for status in (500, 302, 404):
        sent.status = status
        now = max(now, deliveries()[0].next_try_at)
        assert send(sent, now=now) == 1
        assert send(sent, now=now + dt.timedelta(seconds=1)) == 0
        assert deliveries()[0].last_error == f"http_{status}"
    sent.status = 200
    send(sent, now=deliveries()[0].next_try_at)
    assert deliveries()[0].status == "delivered"
    assert len(sent.calls) == 4
    assert len(set(sent.ids)) == 1
    assert len({call.body for call in sent.calls}) == 1
    assert len({call.timestamp for call in sent.calls}) > 1
    assert [each.number for each in attempts()] == [1, 2, 3, 4]


def test_for_72_hours_and_then_the_endpoint_is_disabled_and_its_partner_told(told, sent, now):
    failing, other = (
        endpoint(now=now),
        endpoint(now=now, url=OTHER_URL, event_types=["webhook_endpoint.disabled"]),
    )
    told()
    sent.by_url[failing.endpoint.url] = 503
    ended = until_nothing_is_left(sent, now=now)
    (delivery,) = deliveries()
    assert delivery.expires_at - events_told()[0].created_at >= WINDOW
    assert dt.timedelta(0) <= ended - delivery.expires_at < HOUR
    assert (delivery.status, delivery.last_status_code) == ("failed", 503)
    assert len(sent.calls) > 12
    found = read(failing)
    assert (found.status, found.disabled_because, found.disabled_at is not None) == (
        "disabled",
        "failing",
        True,
    )
    relay()
    send(sent, now=ended)
    assert sent.calls[-1].url == OTHER_URL
    assert sent.bodies[-1]["type"] == "webhook_endpoint.disabled"
    assert sent.bodies[-1]["data"]["endpoint_id"] == ids.encode("we", failing.endpoint.pk)
    assert (sent.bodies[-1]["data"]["reason"], sent.bodies[-1]["merchant_id"]) == ("failing", None)
    assert read(other).status == "enabled"


def test_no_more_once_it_says_that_it_is_gone(told, sent, now):
    made = endpoint(now=now)
    told(3)
    sent.status = 410
    send(sent, now=now)
    assert (read(made).status, read(made).disabled_because) == ("disabled", "gone")
    relay()
    assert [each.type for each in events_told()].count("webhook_endpoint.disabled") == 1
    calls = len(sent.calls)
    assert send(sent, now=now + 2 * HOUR) == 0
    assert len(sent.calls) == calls


def test_on_although_one_event_never_gets_through(told, sent, now):
    made = endpoint(now=now)
    told()
    poison = ids.encode("evt", events_told()[0].pk)
    sent.by_url[made.endpoint.url] = lambda call: 500 if call.message_id == poison else 200
    instant = now
    while deliveries()[0].status == "pending":
        told()
        send(sent, now=instant)
        instant = max(instant + dt.timedelta(seconds=1), deliveries()[0].next_try_at or instant)
    assert deliveries()[0].status == "failed"
    assert {each.status for each in deliveries()[1:]} == {"delivered"}
    assert read(made).status == "enabled"


def test_again_with_the_same_id_when_the_sender_dies_after_the_call(told, sent, now, monkeypatch):
    endpoint(now=now)
    told()

    def die(name):
        crashpoints.crashpoint(name)
        raise Killed(name)

    with monkeypatch.context() as patched:
        patched.setattr(partner_calls, "crashpoint", die)
        with pytest.raises(Killed, match=POINTS[0]):
            send(sent, now=now)
    assert len(sent.calls) == 1
    assert (deliveries()[0].status, attempts()) == ("pending", [])
    assert send(sent, now=now + LEASE - dt.timedelta(seconds=1)) == 0
    assert send(sent, now=now + AFTER_LEASE) == 1
    assert sent.ids == [ids.encode("evt", events_told()[0].pk)] * 2
    assert (deliveries()[0].status, deliveries()[0].tries) == ("delivered", 2)


def test_by_one_sender_at_a_time_and_a_late_failure_undoes_no_success(told, sent, now):
    made = endpoint(now=now)
    told()
    late = Sent(204)

    def outlive_the_lease(_call):
        in_own_connection(lambda: send(late, now=now + AFTER_LEASE))
        return 500

    sent.by_url[made.endpoint.url] = outlive_the_lease
    send(sent, now=now)
    assert sent.ids == late.ids
    assert (deliveries()[0].status, deliveries()[0].last_status_code) == ("delivered", 204)
    assert len(attempts()) == 2


def test_with_both_signatures_while_a_secret_is_rotated(told, sent, now):
    made = endpoint(now=now)
    rotated = rotate_secret(scope=PARTNER, endpoint_id=made.endpoint.pk, overlap_s=3600, now=now)
    told(2)
    with atomic(ALL_TENANTS):
        WebhookDelivery.objects.filter(pk=deliveries()[1].pk).update(next_try_at=now + HOUR)
    send(sent, now=now + HOUR - dt.timedelta(seconds=20))
    send(sent, now=now + HOUR)
    assert [call.secrets for call in sent.calls] == [(rotated.secret, made.secret), (rotated.secret,)]


def test_under_none_but_its_own_secret(told, sent, now, superuser):
    """A sealed secret copied to another endpoint does not open there."""
    first, second = endpoint(now=now), endpoint(now=now, url=OTHER_URL)
    superuser.execute(
        "UPDATE pgw.webhook_endpoints SET secret_sealed = (SELECT secret_sealed FROM pgw.webhook_endpoints WHERE id = %s)"
        " WHERE id = %s",
        [first.endpoint.pk, second.endpoint.pk],
    )
    told()
    send(sent, now=now)
    assert [call.url for call in sent.calls] == [first.endpoint.url]
    assert {each.last_error for each in deliveries()} == {"", "secret_unreadable"}


def test_not_while_its_endpoint_is_disabled_and_goes_on_when_it_is_enabled(told, sent, now):
    made = endpoint(now=now)
    told()
    disable_endpoint(scope=PARTNER, endpoint_id=made.endpoint.pk, now=now)
    told()
    assert len(deliveries()) == 1
    assert send(sent, now=now + HOUR) == 0
    changes = EndpointChanges(enabled=True)
    change_endpoint(scope=PARTNER, endpoint_id=made.endpoint.pk, changes=changes, now=now)
    assert send(sent, now=now + HOUR) == 1


def test_never_about_what_ran_out_meanwhile(told, sent, now):
    made = endpoint(now=now)
    told()
    disable_endpoint(scope=PARTNER, endpoint_id=made.endpoint.pk, now=now)
    assert give_up_webhooks(now=now + WINDOW - HOUR) == 0
    assert give_up_webhooks(now=now + WINDOW + HOUR) == 1
    assert (deliveries()[0].status, deliveries()[0].last_error) == ("failed", "endpoint_disabled")


def test_anew_when_an_event_is_asked_for_again(told, sent, now):
    made = endpoint(now=now)
    told()
    send(sent, now=now)
    event = events_told()[0]
    for _ in range(2):
        partner_events.resend_event(scope=PARTNER, event_id=event.pk, endpoint_id=made.endpoint.pk, now=now)
    assert (len(deliveries()), deliveries()[0].status) == (1, "pending")
    send(sent, now=now)
    assert sent.ids == [ids.encode("evt", event.pk)] * 2
    assert deliveries()[0].status == "delivered"
    assert len(attempts()) == 2


def test_anew_about_all_events_of_a_time_that_its_filter_lets_through(gateway, sent, now):
    gateway.shown(source=Source.API)
    relay()
    made = endpoint(now=now, event_types=["payment_intent.processing", "payment_intent.action_required"])
    day = dt.timedelta(days=1)

    def resend(created_from, created_before):
        return partner_events.resend_range(
            scope=PARTNER,
            endpoint_id=made.endpoint.pk,
            created_from=created_from,
            created_before=created_before,
            now=now,
        )

    assert resend(now + day, now + 2 * day) == 0
    assert [resend(now - day, now + day) for _ in range(2)] == [2, 2]
    send(sent, now=now)
    assert sorted(body["type"] for body in sent.bodies) == [
        "payment_intent.action_required",
        "payment_intent.processing",
    ]


def test_by_several_senders_without_ever_exceeding_its_bound(told, now):
    made = endpoint(now=now)
    told(40)
    sent, together, most, lock = Sent(), 0, 0, threading.Lock()
    gate = threading.Barrier(conf.SENDS_PER_ENDPOINT)

    def busy(_call):
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        gate.wait(20)  # goes on when as many as may be are here at once
        with lock:
            together -= 1
        return 200

    sent.by_url[made.endpoint.url] = busy
    run_in_threads(3, lambda: send(sent, now=now))
    assert most <= conf.SENDS_PER_ENDPOINT
    assert sorted(sent.ids) == sorted({ids.encode("evt", event.pk) for event in events_told()})


class Slow:
    """An endpoint that answers only when the test is over."""

    def __init__(self) -> None:
        self.released, self.arrived = threading.Event(), threading.Event()
        self.waiting = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, _call) -> int:
        with self._lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            if self.waiting == conf.SENDS_PER_ENDPOINT:
                self.arrived.set()
        self.released.wait(120)
        with self._lock:
            self.waiting -= 1
        return 200


def test_without_waiting_for_a_slow_one(database, now, sent):
    """Ten endpoints' queues are due, and the one at the head of all does not answer."""
    slow = endpoint(now=now)
    fast = [endpoint(now=now, url=f"https://fast{n}.example.com/") for n in range(9)]
    fill(QUEUE, [slow, *fast], now=now)
    hangs = sent.by_url[slow.endpoint.url] = Slow()
    first = threading.Thread(target=in_own_connection, args=(lambda: send(sent, now=now),))
    first.start()
    try:
        assert hangs.arrived.wait(30)
        deadline = time.monotonic() + 90
        while pending(fast) and time.monotonic() < deadline:
            send(sent, now=now)
        assert (pending(fast), pending([slow])) == (0, QUEUE)
        assert hangs.waiting == conf.SENDS_PER_ENDPOINT
    finally:
        hangs.released.set()
        first.join()
    assert hangs.most == conf.SENDS_PER_ENDPOINT
    assert Counter(call.url for call in sent.calls) >= Counter({each.endpoint.url: QUEUE for each in fast})
    assert max(Counter((call.url, call.message_id) for call in sent.calls).values()) == 1


def in_own_connection(function):
    try:
        function()
    finally:
        connections.close_all()


def run_in_threads(count, function):
    threads = [threading.Thread(target=in_own_connection, args=(function,)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
