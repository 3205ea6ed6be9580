"""Held money ..."""

import datetime as dt
import itertools
from types import SimpleNamespace

import pytest
from django.db import IntegrityError

from kernel.errors import NotFound
from kernel.money import Money
from mpac.pgw.adapters.port import (
    Accepted,
    Approved,
    Authorized,
    Declined,
    Done,
    NotProcessed,
    ProviderPayment,
    Voided,
)
from mpac.pgw.db import atomic
from mpac.pgw.errors import (
    CaptureExceedsHold,
    CaptureNotSupported,
    IllegalIntentTransition,
    RefundSpansCaptures,
)
from mpac.pgw.models import LatePayment, PaymentIntent
from mpac.pgw.services.cancellation import cancel_intent
from mpac.pgw.services.capture_truth import apply_capture_truth
from mpac.pgw.services.captures import begin_capture, capture_intent
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.operation_resolution import resolve_due_captures
from mpac.pgw.services.resolution import resolve_due_attempts
from mpac.pgw.services.truth import apply_provider_truth
from tests.pgw.conftest import AMOUNT, OTHER_SCOPE, SCOPE
from tests.pgw.doubles import TIMEOUT, answers

pytestmark = pytest.mark.usefixtures("healthy")

NO = Declined(code="declined", message="No.")
REFUSED = NotProcessed(code="busy", message="Busy.")


@pytest.fixture
def provider(holding):
    return holding


@pytest.fixture
def tell(gateway):
    """Tell the gateway something about an intent's last attempt, or about a capture."""

    def told(outcome, learned_from):
        return {"scope": SCOPE, "outcome": outcome, "learned_from": learned_from, "now": gateway.now}

    def charge(intent, outcome, *, learned_from=LearnedFrom.PROBE):
        return apply_provider_truth(attempt_id=gateway.attempt(intent).pk, **told(outcome, learned_from))

    def capture(found, outcome, *, learned_from=LearnedFrom.PROBE):
        return apply_capture_truth(capture_id=found.pk, **told(outcome, learned_from))

    return SimpleNamespace(charge=charge, capture=capture)


def resolve(gateway, *, seconds: int) -> None:
    for second in range(0, seconds, 2):
        resolve_due_captures(now=gateway.later(second))
        resolve_due_attempts(now=gateway.later(second))


def cancel(gateway, intent):
    return cancel_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.now)


def status_of(gateway, intent) -> tuple[str, str]:
    return gateway.intent(intent).status, gateway.attempt(intent).status


def late_payments() -> list[tuple[str, str, int]]:
    with atomic(SCOPE):
        return [(late.status, late.reason, late.amount_minor) for late in LatePayment.objects.order_by("pk")]


# --- holding --------------------------------------------------------------------------------------------------------


def test_waits_to_be_captured(gateway, captures, provider, events):
    intent = captures.held()
    assert (intent.status, captures.sums(intent)) == ("requires_capture", (12550, 0, 0))
    assert gateway.attempt(intent).status == "authorized"
    assert [request.capture for request in provider.created] == [False]
    assert events(intent)[-1] == "payment_intent_amount_capturable"


def test_is_never_asked_for_where_money_is_taken_at_once(gateway, provider):
    gateway.shown()
    assert [request.capture for request in provider.created] == [True]


def test_whose_answer_was_lost_is_found(gateway, captures, provider):
    provider.on_create.append(provider.hold_and_hang)
    intent = captures.held()
    assert intent.status == "processing"
    resolve(gateway, seconds=10)
    assert status_of(gateway, intent) == ("requires_capture", "authorized")
    assert len(provider.created) == 1


def test_is_looked_after_for_as_long_as_it_is_held(gateway, captures, provider):
    intent = captures.held()
    resolve(gateway, seconds=60)
    assert status_of(gateway, intent) == ("requires_capture", "authorized")
    assert 0 < len(provider.probed) < 5
    assert gateway.attempt(intent).next_probe_at is not None


@pytest.mark.parametrize("news", [TIMEOUT, REFUSED], ids=["timeout", "not_processed"])
def test_is_not_given_up_for_weaker_news(gateway, captures, tell, news):
    intent = captures.held()
    tell.charge(intent, news)
    assert status_of(gateway, intent) == ("requires_capture", "authorized")


def test_that_is_let_go_by_its_provider_expires(gateway, captures, tell, events):
    intent = captures.held()
    tell.charge(intent, Voided())
    assert status_of(gateway, intent) == ("expired", "voided")
    assert captures.sums(intent) == (0, 0, 0)
    assert events(intent)[-1] == "payment_intent_expired"


def test_is_let_go_when_its_time_is_over(gateway, captures, provider):
    until = gateway.later(7 * 24 * 3600)
    reference = Authorized(reference="H", amount=AMOUNT, expires_at=until)
    provider.on_create.append(lambda request: provider.hold(request) and reference)
    intent = captures.held()
    assert gateway.intent(intent).capture_before == until

    resolve_due_attempts(now=until)
    assert status_of(gateway, intent) == ("expired", "voided")
    with pytest.raises(IllegalIntentTransition):
        captures.take(intent)


def test_cannot_be_captured_when_its_time_is_over(gateway, captures, provider):
    lapsed = Authorized(reference="H", amount=AMOUNT, expires_at=gateway.now - dt.timedelta(seconds=1))
    provider.on_create.append(answers(lapsed))
    intent = captures.held()
    with pytest.raises(IllegalIntentTransition):
        captures.take(intent)


@pytest.mark.parametrize("amount", [Money(1, "THB"), Money(12551, "THB"), Money(12550, "USD")])
def test_of_another_sum_is_let_go(gateway, captures, provider, amount):
    provider.on_create.append(
        lambda request: provider.hold(request) and Authorized(reference="H", amount=amount)
    )
    intent = captures.held()
    with pytest.raises(IllegalIntentTransition):
        captures.take(intent)
    resolve(gateway, seconds=4)
    assert status_of(gateway, intent) == ("cancelled", "voided")
    assert provider.holds[gateway.attempt(intent).provider_key].released


def test_on_its_way_to_an_automatic_capture_is_processing(gateway, provider, tell):
    provider.on_create.append(provider.hold)
    intent = gateway.shown()
    assert status_of(gateway, intent) == ("processing", "authorized")
    tell.charge(intent, Approved(payments=(ProviderPayment(reference="B", amount=AMOUNT),)))
    assert status_of(gateway, intent) == ("succeeded", "captured")


def test_on_its_way_to_an_automatic_capture_may_be_let_go(gateway, provider, tell):
    provider.on_create.append(provider.hold)
    intent = gateway.shown(source="api")
    tell.charge(intent, Voided())
    assert status_of(gateway, intent) == ("requires_payment_method", "voided")


# --- capturing ------------------------------------------------------------------------------------------------------


def test_is_captured_whole_when_no_amount_is_named(gateway, captures, provider, events):
    intent = captures.held()
    taken = captures.take(intent)
    assert (taken.status, captures.sums(intent)) == ("succeeded", (12550, 0, 12550))
    assert status_of(gateway, intent) == ("succeeded", "captured")
    assert events(intent)[-2:] == ["payment_intent_processing", "payment_intent_succeeded"]
    assert provider.taken() == 12550
    [request] = provider.captured
    assert request.charge.provider_reference == f"HOLD-{request.charge.provider_key}"


def test_is_captured_in_part_and_the_rest_is_let_go(gateway, captures, provider):
    intent = captures.held()
    captures.take(intent, 100)
    assert status_of(gateway, intent) == ("succeeded", "captured")
    assert captures.sums(intent) == (100, 0, 100)
    assert gateway.attempt(intent).captured_minor == 100
    assert provider.holds[gateway.attempt(intent).provider_key].released


def test_is_captured_in_several_parts(gateway, captures, provider, events):
    intent = captures.held()
    for amount, sums in ((100, (12550, 0, 100)), (2450, (12550, 0, 2550))):
        assert captures.take(intent, amount, final=False).status == "requires_capture"
        assert captures.sums(intent) == sums
    assert events(intent)[-1] == "payment_intent_amount_capturable"
    captures.take(intent, final=False)
    assert status_of(gateway, intent) == ("succeeded", "captured")
    assert (captures.sums(intent), provider.taken()) == ((12550, 0, 12550), 12550)


def test_is_captured_in_several_parts_until_one_is_the_last(gateway, captures):
    intent = captures.held()
    captures.take(intent, 100, final=False)
    captures.take(intent, 200)
    assert (gateway.intent(intent).status, captures.sums(intent)) == ("succeeded", (300, 0, 300))


@pytest.mark.parametrize("amount", [12551, 0, -1])
def test_is_all_that_can_be_captured(captures, provider, amount):
    intent = captures.held()
    with pytest.raises(CaptureExceedsHold):
        captures.take(intent, amount)
    assert (provider.captured, captures.all(), captures.sums(intent)) == ([], [], (12550, 0, 0))


def test_is_all_that_can_be_captured_in_parts(captures):
    intent = captures.held()
    captures.take(intent, 12000, final=False)
    with pytest.raises(CaptureExceedsHold):
        captures.take(intent, 551)


def test_is_captured_one_call_at_a_time(captures, provider):
    provider.on_capture.append(answers(TIMEOUT))
    intent = captures.held()
    assert captures.take(intent, 100, final=False).status == "processing"
    assert captures.sums(intent) == (12550, 100, 0)
    with pytest.raises(IllegalIntentTransition):
        captures.take(intent, 100)


def test_is_captured_once_under_one_key(captures, provider):
    intent = captures.held()
    for _ in range(2):
        assert captures.take(intent, 100, idempotency_key="K").status == "succeeded"
    assert len(provider.captured) == 1


def test_whose_capture_is_refused_stays_held(gateway, captures, provider, events):
    provider.on_capture += [answers(NO), answers(REFUSED)]
    intent = captures.held()
    for code in ("declined", "busy"):
        refused = captures.take(intent)
        assert (refused.status, refused.error_code) == ("requires_capture", code)
        assert captures.sums(intent) == (12550, 0, 0)
    assert events(intent)[-1] == "payment_intent_amount_capturable"
    taken = captures.take(intent)
    assert (taken.status, taken.error_code) == ("succeeded", None)


def test_whose_capture_was_refused_because_it_is_gone_is_found_gone(gateway, captures, provider):
    intent = captures.held()
    provider.holds[gateway.attempt(intent).provider_key].released = True
    assert captures.take(intent).status == "requires_capture"
    resolve(gateway, seconds=4)
    assert status_of(gateway, intent) == ("expired", "voided")


def test_whose_captures_answer_was_lost_is_found_captured(gateway, captures, provider):
    provider.on_capture.append(provider.take_and_hang)
    intent = captures.held()
    assert captures.take(intent).status == "processing"
    resolve(gateway, seconds=10)
    assert (gateway.intent(intent).status, len(provider.captured)) == ("succeeded", 1)


def test_whose_capture_never_arrived_is_captured_again_under_its_key(gateway, captures, provider):
    provider.on_capture.append(answers(TIMEOUT))
    intent = captures.held()
    captures.take(intent, 100)
    resolve(gateway, seconds=10)
    assert (gateway.intent(intent).status, provider.taken()) == ("succeeded", 100)
    assert len({request.operation_key for request in provider.captured}) == 1


def test_whose_captures_caller_died_is_captured_by_the_resolver(gateway, captures, provider):
    intent = captures.held()
    with atomic(SCOPE):
        begin_capture(wanted=captures.wanted(intent), now=gateway.now)
    resolve(gateway, seconds=28)
    assert provider.captured == []
    resolve(gateway, seconds=40)
    assert gateway.intent(intent).status == "succeeded"


def test_whose_capture_takes_its_time_is_waited_for(gateway, captures, provider, tell):
    provider.on_capture.append(answers(Accepted(reference="T")))
    provider.on_probe_capture += [answers(Accepted(reference="T"))] * 100
    intent = captures.held()
    captures.take(intent)
    resolve(gateway, seconds=300)
    assert gateway.intent(intent).status == "processing"
    [capture] = captures.all()
    tell.capture(capture, Done(reference="T", amount=AMOUNT))
    assert gateway.intent(intent).status == "succeeded"


@pytest.mark.parametrize("told", list(itertools.product(["charge", "capture"], LearnedFrom)), ids="-".join)
def test_that_was_captured_counts_once_whoever_tells_of_it(gateway, captures, provider, tell, told):
    """The charge's own record names the same movement of money as the capture's."""
    first_told, learned_from = told
    provider.on_capture.append(provider.take_and_hang)
    intent = captures.held()
    captures.take(intent, 5000)
    [capture] = captures.all()
    key = gateway.attempt(intent).provider_key
    [done] = provider.holds[key].captures.values()
    news = {
        "charge": lambda: tell.charge(
            intent,
            Approved(payments=(ProviderPayment(reference=done.reference, amount=done.amount),)),
            learned_from=learned_from,
        ),
        "capture": lambda: tell.capture(capture, done, learned_from=learned_from),
    }
    news.pop(first_told)()
    for other in news.values():
        other()
    assert status_of(gateway, intent) == ("succeeded", "captured")
    assert (captures.sums(intent), late_payments()) == ((5000, 0, 5000), [])


def test_that_somebody_captured_at_the_provider_is_captured(gateway, captures, tell):
    intent = captures.held()
    tell.charge(intent, Approved(payments=(ProviderPayment(reference="X", amount=Money(5000, "THB")),)))
    [capture] = captures.all()
    assert (capture.requested_by, capture.status, capture.amount_minor) == ("provider", "completed", 5000)
    assert captures.sums(intent)[2] == 5000


def test_that_was_taken_at_once_although_it_was_to_be_held_is_captured(gateway, captures, provider):
    paid = Approved(payments=(ProviderPayment(reference="X", amount=AMOUNT),))
    provider.on_create.append(answers(paid))
    intent = captures.held()
    assert status_of(gateway, intent) == ("succeeded", "captured")
    assert captures.sums(intent) == (12550, 0, 12550)


def test_that_is_taken_beyond_what_was_held_goes_back(gateway, captures, tell):
    intent = captures.held()
    both = [ProviderPayment(reference=name, amount=Money(10000, "THB")) for name in ("X", "Y")]
    tell.charge(intent, Approved(payments=tuple(both)))
    assert captures.sums(intent)[2] == 10000
    assert late_payments() == [("return_due", "duplicate", 10000)]


def test_whose_capture_was_taken_for_failed_and_was_not_is_captured(gateway, captures, provider, tell):
    provider.on_capture.append(answers(NO))
    intent = captures.held()
    captures.take(intent, 100)
    [capture] = captures.all()
    tell.capture(capture, Done(reference="X", amount=Money(100, "THB")), learned_from=LearnedFrom.WEBHOOK)
    assert (gateway.intent(intent).status, captures.sums(intent)) == ("succeeded", (100, 0, 100))


def test_whose_capture_turns_out_after_the_end_is_late_money(gateway, captures, provider, tell):
    provider.on_capture.append(answers(NO))
    intent = captures.held(source="api")
    captures.take(intent, 100)
    cancel(gateway, intent)
    [capture] = captures.all()
    tell.capture(capture, Done(reference="X", amount=Money(100, "THB")), learned_from=LearnedFrom.WEBHOOK)
    assert status_of(gateway, intent) == ("cancelled", "captured")
    assert late_payments() == [("return_due", "after_cancel", 100)]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Done(reference="FIRST", amount=Money(50, "THB")), "reference_counted"),
        (Done(reference="OTHER", amount=Money(51, "THB")), "amount_mismatch"),
    ],
)
def test_whose_captures_answer_does_not_fit_stays_open(gateway, captures, provider, answer, code):
    provider.on_capture += [answers(Done(reference="FIRST", amount=Money(50, "THB"))), answers(answer)]
    intent = captures.held()
    captures.take(intent, 50, final=False)
    captures.take(intent, 50)
    assert (gateway.intent(intent).status, captures.all()[1].error_code) == ("processing", code)
    assert captures.sums(intent) == (12550, 50, 50)


@pytest.mark.parametrize(
    "case",
    [("partial_capture", 100, True), ("multiple_capture", 100, False), ("multiple_capture", None, True)],
)
def test_is_captured_only_as_its_provider_can(captures, provider, monkeypatch, case):
    lacks, amount, final = case
    intent = captures.held()
    if amount is None:
        captures.take(intent, 100, final=False)
    can = type(provider.capabilities)
    able = {name: getattr(provider.capabilities, name) for name in can.__dataclass_fields__}
    monkeypatch.setattr(provider, "capabilities", can(**able | {lacks: False}))
    with pytest.raises(CaptureNotSupported):
        captures.take(intent, amount, final=final)


def test_of_another_tenant_is_not_found(gateway, captures):
    wanted = captures.wanted(captures.held())
    with pytest.raises(NotFound):
        capture_intent(scope=OTHER_SCOPE, wanted=wanted, now=gateway.now)


def test_beyond_the_hold_is_refused_by_the_database_itself(captures):
    intent = captures.held()
    with pytest.raises(IntegrityError, match="payment_intents_captured"), atomic(SCOPE):
        PaymentIntent.objects.filter(pk=intent.pk).update(capturing_minor=6000, captured_minor=6551)


# --- letting go -----------------------------------------------------------------------------------------------------


def test_is_let_go_when_its_intent_is_cancelled(gateway, captures, provider, events):
    intent = captures.held()
    assert cancel(gateway, intent).status == "cancelled"
    assert (gateway.attempt(intent).status, captures.sums(intent)) == ("voided", (0, 0, 0))
    assert provider.holds[gateway.attempt(intent).provider_key].released
    assert events(intent)[-1] == "payment_intent_cancelled"
    assert cancel(gateway, intent).status == "cancelled"


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_is_let_go_however_often_that_must_be_asked_for(gateway, captures, provider, lost):
    intent = captures.held()
    provider.on_void.append(provider.let_go_and_hang if lost == "answer" else answers(TIMEOUT))
    waiting = cancel(gateway, intent)
    assert (waiting.status, waiting.cancel_requested_at) == ("requires_capture", gateway.now)
    with pytest.raises(IllegalIntentTransition):
        captures.take(intent)
    resolve(gateway, seconds=10)
    assert status_of(gateway, intent) == ("cancelled", "voided")
    assert len(provider.voided) == 2


def test_is_let_go_soon_although_it_has_been_held_for_long(gateway, captures, provider):
    intent = captures.held()
    for minute in range(60):
        resolve_due_attempts(now=gateway.later(60 * minute))
    gateway.now = gateway.later(3600)
    provider.on_void += [answers(TIMEOUT)] * 3
    cancel(gateway, intent)
    resolve(gateway, seconds=20)
    assert status_of(gateway, intent) == ("cancelled", "voided")


def test_is_let_go_when_it_was_called_off_before_it_was_known(gateway, captures, provider):
    provider.on_create.append(provider.hold_and_hang)
    intent = captures.held()
    cancel(gateway, intent)
    resolve(gateway, seconds=10)
    assert status_of(gateway, intent) == ("cancelled", "voided")
    assert provider.holds[gateway.attempt(intent).provider_key].released


def test_that_never_came_about_is_called_off_within_two_minutes(gateway, captures, provider):
    provider.on_create.append(answers(TIMEOUT))
    intent = captures.held()
    cancel(gateway, intent)
    resolve(gateway, seconds=60)
    assert status_of(gateway, intent) == ("processing", "unknown")
    resolve(gateway, seconds=120)
    assert status_of(gateway, intent) == ("cancelled", "voided")
    assert len(provider.created) == 1


def test_that_came_about_after_it_was_given_up_is_let_go(gateway, captures, provider):
    """The call arrived at last, minutes after it was sent."""
    provider.on_create.append(answers(TIMEOUT))
    intent = captures.held()
    cancel(gateway, intent)
    resolve(gateway, seconds=120)
    provider.hold(provider.created[0])
    resolve(gateway, seconds=300)
    assert status_of(gateway, intent) == ("cancelled", "voided")
    assert provider.holds[gateway.attempt(intent).provider_key].released


def test_that_is_refused_whenever_it_is_asked_for_again_is_given_up(gateway, captures, provider):
    provider.on_create += [answers(TIMEOUT), *[answers(REFUSED)] * 50]
    intent = captures.held()
    resolve(gateway, seconds=60)
    assert status_of(gateway, intent) == ("processing", "unknown")
    resolve(gateway, seconds=120)
    assert status_of(gateway, intent) == ("failed", "voided")


def test_is_let_go_when_it_was_taken_for_declined(gateway, captures, provider):
    """The provider had said no, and then it turns out that it holds the money all the same."""
    provider.on_create.append(lambda request: provider.hold(request) and NO)
    intent = captures.held()
    assert status_of(gateway, intent) == ("failed", "declined")
    resolve(gateway, seconds=60)
    assert provider.holds[gateway.attempt(intent).provider_key].released


def test_is_not_let_go_while_a_capture_is_in_flight(gateway, captures, provider):
    provider.on_capture.append(provider.take_and_hang)
    intent = captures.held()
    captures.take(intent)
    assert cancel(gateway, intent).status == "processing"
    assert provider.voided == []
    resolve(gateway, seconds=10)
    assert status_of(gateway, intent) == ("succeeded", "captured")


def test_is_let_go_when_the_capture_in_flight_has_failed(gateway, captures, provider):
    provider.on_capture.append(answers(TIMEOUT))
    provider.on_probe_capture.append(answers(NO))
    intent = captures.held()
    captures.take(intent)
    cancel(gateway, intent)
    resolve(gateway, seconds=10)
    assert status_of(gateway, intent) == ("cancelled", "voided")


def test_of_which_a_part_was_captured_cannot_be_called_off(gateway, captures):
    intent = captures.held()
    captures.take(intent, 100, final=False)
    with pytest.raises(IllegalIntentTransition):
        cancel(gateway, intent)


def test_of_which_a_part_was_captured_succeeds_when_the_rest_is_let_go(gateway, captures, tell):
    intent = captures.held()
    captures.take(intent, 100, final=False)
    tell.charge(intent, Voided())
    assert status_of(gateway, intent) == ("succeeded", "captured")
    assert captures.sums(intent) == (100, 0, 100)


def test_that_cannot_be_let_go_because_it_was_captured_is_captured(gateway, captures, provider):
    intent = captures.held()
    paid = Approved(payments=(ProviderPayment(reference="X", amount=AMOUNT),))
    provider.on_void.append(answers(paid))
    with pytest.raises(IllegalIntentTransition):
        cancel(gateway, intent)
    assert status_of(gateway, intent) == ("succeeded", "captured")


# --- giving back ----------------------------------------------------------------------------------------------------


def test_that_was_captured_is_given_back_capture_by_capture(captures, refunds, provider):
    intent = captures.held()
    captures.take(intent, 100, final=False)
    captures.take(intent, 400)
    references = [capture.provider_reference for capture in captures.all()]

    with pytest.raises(RefundSpansCaptures):
        refunds.give(intent, 401)
    given = [refunds.give(intent, amount).payment_reference for amount in (80, 30, 370, 20)]
    assert given == [references[0], references[1], references[1], references[0]]
    assert (refunds.sums(intent), provider.given_back()) == ((0, 500), 500)


def test_of_which_a_part_was_captured_can_be_given_back_before_the_rest_is_captured(captures, refunds):
    intent = captures.held()
    captures.take(intent, 100, final=False)
    refunds.give(intent, 60)
    captures.take(intent, 50)
    assert (captures.sums(intent), refunds.sums(intent)) == ((150, 0, 150), (0, 60))
