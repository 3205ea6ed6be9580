"""Every provider's callbacks, the signed ones and the hints ..."""

import datetime as dt
from collections import Counter

import pytest

from mpac.pgw.adapters.port import Approved, Done, Reversed, WebhookTrust
from mpac.pgw.errors import WebhookMalformed, WebhookRefused
from tests.pgw.adapters.contract import LOST, capture_of, in_hurry, known, listed, refund_of, units, ways
from tests.pgw.adapters.kits import KITS

EVERY_WAY = ways(KITS, lambda _kit, _way: True)
SIGNED = listed(KITS, lambda can: can.webhook_trust is WebhookTrust.SIGNED)
BYTES_SIGNED = [each for each in SIGNED if each.values[0].signs_headers]
SIGNED_WAYS = ways(KITS, lambda kit, _way: kit.capabilities.webhook_trust is WebhookTrust.SIGNED)
SIGNED_AT_ONCE = [each for each in SIGNED_WAYS if each.values[1].token]
HINTS = listed(KITS, lambda can: can.webhook_trust is WebhookTrust.HINT)
REFUNDED = listed(KITS, lambda can: can.webhook_trust is WebhookTrust.SIGNED and can.refund.value != "none")
DISPUTED = listed(KITS, lambda can: can.disputes and can.webhook_trust is WebhookTrust.SIGNED)
HELD = ways(KITS, lambda kit, way: way.holds and kit.capabilities.webhook_trust is WebhookTrust.SIGNED)


def delivered(stage):
    """The last thing that the provider sent."""
    stage.settle()
    return stage.deliveries.received[-1]


def refused(stage, *, headers, body, account=None, now=None):
    with pytest.raises(WebhookRefused):
        stage.adapter.read_webhook(
            headers=headers, body=body, account=account or stage.kit.account(), now=now or stage.now
        )


@pytest.mark.parametrize(("kit", "way"), EVERY_WAY)
def test_say_which_charge_was_paid(stage, way):
    request = stage.pay(stage.charge(way))
    hint = stage.read(delivered(stage))
    [charge] = stage.paid()
    assert (hint.provider_key, hint.provider_reference) == (
        request.provider_key,
        charge["provider_reference"],
    )
    assert hint.dedupe_key


@pytest.mark.parametrize(("kit", "way"), SIGNED_WAYS)
def test_prove_the_payment_by_their_signature(stage, way):
    request = stage.pay(stage.charge(way))
    hint = stage.read(delivered(stage))
    [charge] = stage.paid()
    assert [(each.reference, each.amount) for each in hint.payments] == [
        (charge["provider_reference"], request.amount)
    ]
    if stage.can.probe:
        found = stage.adapter.probe(request)
        assert isinstance(found, Approved)
        assert [each.reference for each in found.payments] == [each.reference for each in hint.payments]


@pytest.mark.parametrize("kit", HINTS)
def test_prove_nothing_without_a_signature(stage):
    stage.pay(stage.charge())
    hint = stage.read(delivered(stage))
    assert (hint.payments, hint.refund, hint.dispute) == ((), None, None)


@pytest.mark.parametrize(("kit", "way"), EVERY_WAY)
def test_have_one_name_however_often_they_come(stage, way):
    stage.script("webhook", "webhook_twice", times=2)
    stage.pay(stage.charge(way))
    stage.settle()
    names = Counter(stage.read(each).dedupe_key for each in stage.deliveries.received)
    assert set(names.values()) == {2}
    assert len(names) == (2 if stage.kit.finishes else 1)


@pytest.mark.parametrize(("kit", "way"), EVERY_WAY)
def test_may_come_before_our_own_answer(stage, way):
    stage.script("create", "webhook_first")
    request = stage.charge(way)
    outcome = stage.adapter.create(request)
    assert stage.read(stage.deliveries.received[0]).provider_key == request.provider_key
    if stage.can.probe:
        assert isinstance(stage.found(known(request, outcome)), Approved)


@pytest.mark.parametrize(("kit", "way"), EVERY_WAY)
def test_come_in_any_order(stage, way):
    stage.script("create", "webhook_shuffled", times=2)
    stage.running.may_go_on.clear()
    requests = [stage.charge(way) for _ in range(2)]
    for request in requests:
        stage.adapter.create(request)
        if not way.token:
            [code] = [each["qr_payload"] for each in stage.books() if each["status"] == "pending"]
            stage.running.pay(code)
    stage.running.may_go_on.set()
    stage.settle()
    keys = [stage.read(each).provider_key for each in stage.deliveries.received]
    assert keys == [request.provider_key for request in reversed(requests)]


@pytest.mark.parametrize("kit", BYTES_SIGNED)
def test_are_refused_when_a_byte_was_changed(stage):
    stage.pay(stage.charge())
    request = delivered(stage)
    for place in range(0, len(request.content), 37):
        body = bytearray(request.content)
        body[place] ^= 1
        refused(stage, headers=dict(request.headers), body=bytes(body))
    refused(stage, headers=dict(request.headers), body=request.content + b" ")
    refused(stage, headers=dict(request.headers), body=b"")


@pytest.mark.parametrize("kit", BYTES_SIGNED)
def test_are_refused_when_the_signature_was_changed_or_is_missing(stage):
    stage.pay(stage.charge())
    request = delivered(stage)
    headers = stage.kit.sign(request.content, stage.kit.secrets[0], stage.now)
    for name, value in headers.items():
        for changed in ("", value[:-1], value + "0", value.swapcase() + "x", "ลายเซ็น", value[::-1]):
            refused(stage, headers={**headers, name: changed}, body=request.content)
    refused(stage, headers={}, body=request.content)


@pytest.mark.parametrize("age_s", [1, 3600, -301, -3600])
@pytest.mark.parametrize("kit", BYTES_SIGNED)
def test_are_refused_when_they_are_old_or_from_the_future(stage, age_s):
    stage.pay(stage.charge())
    request = delivered(stage)
    age_s += stage.kit.repeated_for_s if age_s > 0 else 0
    now = stage.now + dt.timedelta(seconds=age_s)
    refused(stage, headers=dict(request.headers), body=request.content, now=now)


@pytest.mark.parametrize("age_s", [299, -299])
@pytest.mark.parametrize("kit", SIGNED)
def test_may_be_minutes_away(stage, age_s):
    stage.pay(stage.charge())
    request = delivered(stage)
    stage.running.now += dt.timedelta(seconds=age_s)
    assert stage.read(request).payments


@pytest.mark.parametrize("kit", SIGNED)
def test_are_refused_with_another_secret_and_with_none(stage):
    stage.pay(stage.charge())
    request = delivered(stage)
    for secret in (stage.kit.secrets[1], ""):
        account = stage.kit.account(webhook_secret=secret)
        refused(stage, headers=dict(request.headers), body=request.content, account=account)
    with pytest.raises(WebhookRefused):
        stage.adapter.read_webhook(
            headers=dict(request.headers), body=request.content, account=None, now=stage.now
        )


@pytest.mark.parametrize("kit", SIGNED)
def test_are_accepted_under_either_secret_while_secrets_are_rotated(stage):
    new, old = stage.kit.secrets
    rotating = stage.kit.account(webhook_secret=new, webhook_secret_previous=old)
    for known_to_provider in ((old,), (new,), (new, old), (old, new)):
        stage.enter(known_to_provider)
        stage.pay(stage.charge())
        assert stage.read(delivered(stage), account=rotating).payments
    if stage.kit.signs_once or not stage.kit.signs_headers:
        return
    only_old = stage.kit.account(webhook_secret=old)
    stage.enter((new, old))
    stage.pay(stage.charge())
    assert stage.read(delivered(stage), account=only_old).payments


@pytest.mark.parametrize("kit", SIGNED)
def test_are_read_whatever_the_case_of_their_headers(stage):
    stage.pay(stage.charge())
    request = delivered(stage)
    for change in (str.upper, str.title, str.lower):
        headers = {change(name): value for name, value in request.headers.items()}
        hint = stage.adapter.read_webhook(
            headers=headers, body=request.content, account=stage.kit.account(), now=stage.now
        )
        assert hint.payments


NO_EVENTS = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"id":5}',
    b'{"id":"x"}',
    b'{"id":"","type":"x","key":"x","data":{"object":{}}}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", NO_EVENTS)
@pytest.mark.parametrize("kit", BYTES_SIGNED)
def test_are_refused_when_they_are_signed_nonsense(stage, body):
    headers = stage.kit.sign(body, stage.kit.secrets[0], stage.now)
    with pytest.raises(WebhookMalformed):
        stage.adapter.read_webhook(headers=headers, body=body, account=stage.kit.account(), now=stage.now)


@pytest.mark.parametrize("kit", BYTES_SIGNED)
def test_never_raise_anything_else(stage):
    stage.pay(stage.charge())
    content = delivered(stage).content
    for cut in range(0, len(content), 23):
        body = content[:cut] + b"1" + content[cut + 1 :]
        headers = stage.kit.sign(body, stage.kit.secrets[0], stage.now)
        try:
            stage.adapter.read_webhook(headers=headers, body=body, account=stage.kit.account(), now=stage.now)
        except WebhookMalformed:
            continue


@pytest.mark.parametrize("kit", REFUNDED)
def test_prove_a_refund(stage):
    refund = refund_of(stage.pay(stage.charge()))
    done = stage.adapter.refund(refund)
    hint = stage.read(delivered(stage))
    assert hint.refund is not None
    assert hint.refund.operation_key == refund.operation_key
    assert isinstance(hint.refund.outcome, Done)
    assert (hint.refund.outcome.reference, hint.refund.outcome.amount) == (done.reference, refund.amount)
    assert hint.payments == ()


@pytest.mark.parametrize("kit", [each for each in REFUNDED if each.values[0].refunds_come_back])
def test_prove_that_a_refund_came_back(stage):
    refund = refund_of(stage.pay(stage.charge()))
    done = stage.adapter.refund(refund)
    body = {"provider": stage.kit.name, "provider_reference": done.reference}
    stage.running.http.post("/__return", json=body)
    news = stage.read(delivered(stage)).refund
    assert news.operation_key == refund.operation_key
    assert isinstance(news.outcome, Reversed)
    if stage.can.probe:
        assert isinstance(stage.adapter.probe_refund(refund), Reversed)


@pytest.mark.parametrize(
    ("step", "status"),
    [("opened", "opened"), ("under_review", "under_review"), ("won", "won"), ("lost", "lost")],
)
@pytest.mark.parametrize("kit", DISPUTED)
def test_prove_a_dispute(stage, step, status):
    request = stage.pay(stage.charge())
    body = {
        "provider": stage.kit.name,
        "provider_reference": request.provider_reference,
        "status": step,
        "reason": "fraudulent",
    }
    assert stage.running.http.post("/__dispute", json=body).status_code == 200
    hint = stage.read(delivered(stage))
    assert hint.dispute is not None
    assert (hint.dispute.status, hint.dispute.amount) == (status, request.amount)
    assert hint.dispute.reference
    assert hint.provider_reference == request.provider_reference


@pytest.mark.parametrize(("kit", "way"), HELD)
def test_say_that_money_is_held_but_do_not_take_it_for_paid(stage, way):
    request = stage.charge(way, capture=False)
    held = known(request, stage.charged(request))
    hint = stage.read(delivered(stage))
    assert (hint.provider_key, hint.provider_reference) == (request.provider_key, held.provider_reference)
    assert hint.payments == ()


@pytest.mark.parametrize(("kit", "way"), HELD)
def test_prove_a_capture(stage, way):
    request = stage.charge(way, capture=False)
    held = known(request, stage.charged(request))
    done = stage.adapter.capture(capture_of(held))
    hint = stage.read(delivered(stage))
    assert [(each.reference, each.amount) for each in hint.payments] == [(done.reference, way.amount)]


@pytest.mark.parametrize("behaviour", [each for each in LOST if each != "hang_before"])
@pytest.mark.parametrize(("kit", "way"), SIGNED_AT_ONCE)
def test_tell_what_our_lost_answer_did_not(stage, way, behaviour):
    stage.script("create", behaviour)
    request = stage.charge(way)
    stage.adapter.create(in_hurry(request, behaviour))
    hint = stage.read(delivered(stage))
    assert hint.provider_key == request.provider_key
    assert units(hint.payments[0].amount, stage.kit) == stage.paid()[0]["amount"]
