"""What its payer has agreed to ..."""

import dataclasses
from functools import partial

import pytest

from kernel import crashpoints
from mpac.pgw.adapters import registry
from mpac.pgw.adapters.port import (
    Agreed,
    Declined,
    NotProcessed,
    Pending,
    Unknown,
    Voided,
    WebhookTrust,
)
from mpac.pgw.domain.methods import CaptureMethod
from mpac.pgw.domain.probing import STALE_SENT_AFTER
from mpac.pgw.services import finishing, inbound
from mpac.pgw.services.asking import prepare_question
from mpac.pgw.services.cancellation import cancel_intent
from mpac.pgw.services.finishing import begin_finish
from mpac.pgw.services.inbound import Delivery, receive_webhook
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.agreeing import AgreeingAdapter, SigningAdapter
from tests.pgw.conftest import SCOPE
from tests.pgw.crowd import ROUNDS, Crowd
from tests.pgw.doubles import TIMEOUT, answers

pytestmark = pytest.mark.usefixtures("healthy")

FENCE_S = STALE_SENT_AFTER.total_seconds()
POINTS = ("pgw.finish_sent", "pgw.finish_answered", "pgw.finish_committed")


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def provider(mirrored):
    adapter = AgreeingAdapter()
    registry.register(adapter)
    yield adapter
    registry._adapters.pop("fake")


def agreed(gateway, **changes):
    """An intent whose payer has agreed, and nobody knows yet."""
    intent = gateway.shown(**changes)
    gateway.provider.agree(gateway.attempt(intent).provider_key)
    return intent


def resolve(gateway, *, first: int = 15, last: int = 300, step: int = 15) -> None:
    for second in range(first, last, step):
        resolve_due_attempts(now=gateway.later(second))


def cancel(gateway, intent, *, seconds: float = 0):
    return cancel_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.later(seconds))


def notify(gateway, intent, *, seconds: float = 0):
    key = gateway.attempt(intent).provider_key
    delivery = Delivery(provider="fake", headers={}, body=gateway.provider.consent_notice(key))
    return receive_webhook(delivery=delivery, now=gateway.later(seconds))


def state(gateway, intent):
    return gateway.intent(intent).status, gateway.attempt(intent).status


def test_is_taken_by_the_resolver(gateway, provider, events):
    intent = agreed(gateway)
    assert resolve_due_attempts(now=gateway.later(15)) == 2
    assert state(gateway, intent) == ("succeeded", "captured")
    assert (len(provider.finished), provider.taken()) == (1, 12550)
    assert events(intent)[-3:] == [
        "payment_intent_action_required",
        "payment_intent_processing",
        "payment_intent_succeeded",
    ]


def test_is_taken_as_soon_as_a_notice_makes_us_ask(gateway, provider):
    intent = agreed(gateway)
    notify(gateway, intent)
    assert state(gateway, intent) == ("succeeded", "captured")
    assert len(provider.probed) == 1
    notify(gateway, intent, seconds=60)
    assert (len(provider.finished), provider.taken()) == (1, 12550)


def test_is_taken_without_asking_when_the_notice_proves_itself(mirrored, gateway):
    registry._adapters["fake"] = signing = SigningAdapter()
    signing.capabilities = dataclasses.replace(signing.capabilities, webhook_trust=WebhookTrust.SIGNED)
    gateway.provider = signing
    intent = agreed(gateway)
    notify(gateway, intent)
    assert state(gateway, intent) == ("succeeded", "captured")
    assert signing.probed == []


def test_is_held_where_the_caller_wants_to_capture(gateway, provider):
    intent = agreed(gateway, capture_method=CaptureMethod.MANUAL)
    notify(gateway, intent)
    assert state(gateway, intent) == ("requires_capture", "authorized")
    assert (gateway.intent(intent).authorized_minor, provider.taken()) == (12550, 0)


def test_is_shown_as_processing_while_it_is_finished(gateway, provider):
    seen = []
    intent = agreed(gateway)

    def look(request):
        seen.append((*state(gateway, intent), gateway.attempt(intent).finish_sent_at))
        return provider.carry_out(request)

    provider.on_finish.append(look)
    notify(gateway, intent)
    assert seen == [("processing", "unknown", gateway.now)]


def test_is_not_taken_before_the_payer_agrees(gateway, provider):
    intent = gateway.shown()
    resolve(gateway, last=120)
    assert provider.finished == []
    assert state(gateway, intent) == ("requires_action", "requires_action")


@pytest.mark.parametrize("lost", ["before", "after"])
def test_is_taken_once_when_the_answer_is_lost(gateway, provider, lost):
    intent = agreed(gateway)
    provider.on_finish.append(answers(TIMEOUT) if lost == "before" else provider.carry_out_and_hang)
    notify(gateway, intent)
    assert state(gateway, intent) == ("processing", "unknown")
    resolve(gateway, first=5, step=5)
    assert state(gateway, intent) == ("succeeded", "captured")
    assert provider.taken() == 12550
    assert len(provider.finished) == (2 if lost == "before" else 1)


def test_is_tried_again_when_nobody_was_reached(gateway, provider):
    intent = agreed(gateway)
    provider.on_finish.append(answers(NotProcessed(code="not_reached", message="")))
    notify(gateway, intent)
    assert state(gateway, intent) == ("processing", "unknown")
    resolve(gateway)
    assert state(gateway, intent) == ("succeeded", "captured")


def test_is_open_for_another_try_when_it_was_declined(gateway, provider):
    intent = agreed(gateway, source="api")
    provider.on_finish.append(answers(Declined(code="INSTRUMENT_DECLINED", message="No.")))
    notify(gateway, intent)
    assert state(gateway, intent) == ("requires_payment_method", "declined")
    resolve(gateway)
    assert (len(provider.finished), provider.taken()) == (1, 0)


def test_ends_when_the_provider_ended_it(gateway, provider):
    intent = agreed(gateway)
    provider.on_finish.append(provider.forget)
    notify(gateway, intent)
    assert state(gateway, intent) == ("failed", "voided")


@pytest.mark.parametrize("ask", [notify, lambda gateway, intent: resolve(gateway)])
def test_is_never_taken_after_it_was_called_off(gateway, provider, ask):
    intent = agreed(gateway)
    assert cancel(gateway, intent).status == "cancelled"
    ask(gateway, intent)
    assert state(gateway, intent) == ("cancelled", "voided")
    assert (provider.finished, provider.taken()) == ([], 0)


def test_is_never_taken_when_the_wish_to_cancel_came_first(gateway, provider):
    intent = agreed(gateway)
    provider.on_void.append(answers(TIMEOUT))
    assert cancel(gateway, intent).status == "requires_action"
    notify(gateway, intent, seconds=1)
    resolve(gateway)
    assert state(gateway, intent) == ("cancelled", "voided")
    assert provider.finished == []


def test_is_never_taken_after_its_time(gateway, provider):
    intent = gateway.shown(expires_in_s=60)
    provider.agree(gateway.attempt(intent).provider_key)
    resolve(gateway, first=61)
    assert state(gateway, intent) == ("expired", "voided")
    assert provider.finished == []


def test_is_not_called_off_while_the_call_may_be_on_its_way(gateway, provider):
    """A cancellation meets a call that has been sent and has not arrived: the provider still knows of no money."""
    intent = agreed(gateway)
    provider.on_finish.append(answers(TIMEOUT))
    notify(gateway, intent)
    assert cancel(gateway, intent, seconds=1).status == "processing"
    for second in range(2, int(FENCE_S), 2):
        resolve_due_attempts(now=gateway.later(second))
    assert state(gateway, intent) == ("processing", "unknown")

    provider.carry_out(provider.finished[0])  # now it arrives
    resolve(gateway, first=int(FENCE_S))
    assert state(gateway, intent) == ("succeeded", "captured")


def test_is_called_off_when_the_call_never_arrived(gateway, provider):
    intent = agreed(gateway)
    provider.on_finish.append(answers(TIMEOUT))
    notify(gateway, intent)
    cancel(gateway, intent, seconds=1)
    resolve(gateway)
    assert state(gateway, intent) == ("cancelled", "voided")
    assert (len(provider.finished), provider.taken()) == (1, 0)


@pytest.mark.parametrize("silent", [answers(Pending()), answers(TIMEOUT)])
def test_is_not_given_up_by_silence_once_it_was_sent(gateway, provider, silent):
    intent = agreed(gateway)
    provider.on_finish.append(provider.carry_out_and_hang)
    notify(gateway, intent)
    cancel(gateway, intent, seconds=1)
    provider.on_probe += [silent] * 3
    resolve(gateway, first=2, step=5)
    assert state(gateway, intent) == ("succeeded", "captured")
    assert len(provider.created) == 1


def test_is_not_given_up_on_the_word_of_an_old_notice(mirrored, gateway):
    registry._adapters["fake"] = signing = SigningAdapter()
    signing.capabilities = dataclasses.replace(signing.capabilities, webhook_trust=WebhookTrust.SIGNED)
    gateway.provider = signing
    intent = agreed(gateway)
    signing.on_finish.append(signing.carry_out_and_hang)
    notify(gateway, intent)
    signing.on_probe += [answers(TIMEOUT)] * 2
    cancel(gateway, intent, seconds=1)
    body = signing.notice(gateway.attempt(intent).provider_key, "told again")
    delivery = Delivery(provider="fake", headers={}, body=body)
    receive_webhook(delivery=delivery, now=gateway.later(FENCE_S + 1))
    assert state(gateway, intent) == ("processing", "unknown")
    resolve(gateway, first=40)
    assert state(gateway, intent) == ("succeeded", "captured")


@pytest.mark.parametrize("point", POINTS)
def test_is_taken_once_though_the_process_dies(gateway, provider, monkeypatch, point):
    intent = agreed(gateway)

    def die(name):
        crashpoints.crashpoint(name)
        if name == point:
            raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(finishing, "crashpoint", die)
        with pytest.raises(Killed):
            notify(gateway, intent)
    resolve(gateway)
    assert state(gateway, intent) == ("succeeded", "captured")
    assert provider.taken() == 12550


def test_is_taken_once_though_the_resolver_dies(gateway, provider, monkeypatch):
    intent = agreed(gateway)

    def die(_name):
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(finishing, "crashpoint", die)
        with pytest.raises(Killed):
            resolve_due_attempts(now=gateway.later(15))
    resolve(gateway, first=50)
    assert state(gateway, intent) == ("succeeded", "captured")
    assert provider.taken() == 12550


def test_of_many_is_finished_though_one_of_them_breaks(gateway, provider):
    intents = [agreed(gateway) for _ in range(10)]

    def breaks(_request):
        raise ValueError

    provider.on_finish.append(breaks)
    resolve_due_attempts(now=gateway.later(15))
    assert sorted(gateway.intent(each).status for each in intents) == ["processing", *["succeeded"] * 9]
    resolve(gateway, first=50)
    assert {gateway.intent(each).status for each in intents} == {"succeeded"}


def test_is_taken_or_called_off_but_never_both(gateway, provider):
    """A notice, the resolver and a cancellation at the same instant."""
    ends = set()
    with Crowd(3) as crowd:
        for _ in range(ROUNDS // 3 + 1):
            intent = agreed(gateway)
            crowd.at_once(
                [
                    partial(notify, gateway, intent),
                    partial(cancel, gateway, intent),
                    partial(resolve_due_attempts, now=gateway.later(15)),
                ]
            )
            resolve(gateway, first=50, step=50)
            end, key = state(gateway, intent), gateway.attempt(intent).provider_key
            ends.add(end)
            assert end in {("succeeded", "captured"), ("cancelled", "voided")}
            assert (key in provider.payments) == (end[0] == "succeeded")
    assert ends


def test_is_sent_once_though_another_process_learns_of_it_meanwhile(gateway, provider):
    intent = agreed(gateway)

    def meanwhile(request):
        resolve_due_attempts(now=gateway.later(15))
        notify(gateway, intent, seconds=16)
        return provider.carry_out(request)

    provider.on_finish.append(meanwhile)
    notify(gateway, intent)
    assert len(provider.finished) == 1
    assert state(gateway, intent) == ("succeeded", "captured")


def test_is_begun_by_one_of_two_who_know_of_it(gateway, provider):
    intent = agreed(gateway)
    provider.on_finish.append(answers(TIMEOUT))
    with pytest.MonkeyPatch.context() as nobody:
        nobody.setattr(inbound, "finish_attempt", lambda **_given: None)
        notify(gateway, intent)
    attempt_id = gateway.attempt(intent).pk
    both = [prepare_question(scope=SCOPE, attempt_id=attempt_id, now=gateway.now) for _ in range(2)]
    assert [begin_finish(question, now=gateway.now) for question in both] == [True, False]


def test_is_not_asked_for_anew_once_it_was_sent(gateway, provider):
    intent = agreed(gateway)
    provider.on_finish.append(provider.carry_out_and_hang)
    notify(gateway, intent)
    provider.on_probe += [answers(Pending())] * 2
    resolve(gateway, first=2, step=5)
    assert state(gateway, intent) == ("succeeded", "captured")
    assert (len(provider.created), len(provider.finished)) == (1, 1)


def test_says_nothing_about_a_charge_that_nobody_could_see(gateway, provider):
    provider.on_create.append(answers(Unknown(code="timeout", message="")))
    gateway.shown()
    provider.on_probe.append(answers(Agreed()))
    resolve_due_attempts(now=gateway.later(31))
    assert provider.finished == []


def test_is_voided_by_the_provider_without_being_taken(gateway, provider):
    intent = agreed(gateway)
    provider.on_probe.append(answers(Voided()))
    resolve(gateway)
    assert state(gateway, intent) == ("expired", "voided")
    assert provider.finished == []
