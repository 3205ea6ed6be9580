"""A provider's truth ..."""

import itertools

import pytest

from kernel.errors import NotFound
from kernel.money import Money
from mpac.pgw.adapters.port import (
    ActionRequired,
    Approved,
    Declined,
    NotProcessed,
    Pending,
    ProviderPayment,
    Unknown,
    Voided,
)
from mpac.pgw.db import atomic
from mpac.pgw.errors import LatePaymentDecided
from mpac.pgw.models import LatePayment
from mpac.pgw.services.cancellation import cancel_intent
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.late_money import accept_late, return_late
from mpac.pgw.services.truth import apply_provider_truth
from tests.pgw.conftest import AMOUNT, OTHER_SCOPE, SCOPE
from tests.pgw.doubles import answers, show_qr

pytestmark = pytest.mark.usefixtures("healthy")

PAID = Approved(payments=(ProviderPayment(reference="BANK1", amount=AMOUNT),))


@pytest.fixture
def tell(gateway):
    """Tell the gateway something about an intent's last attempt."""

    def apply(intent, outcome, *, learned_from=LearnedFrom.PROBE, seconds=0, attempt=None):
        return apply_provider_truth(
            scope=SCOPE,
            attempt_id=(attempt or gateway.attempt(intent)).pk,
            outcome=outcome,
            learned_from=learned_from,
            now=gateway.later(seconds),
        )

    return apply


def late_payments() -> list[tuple[str, str]]:
    with atomic(SCOPE):
        return [(late.status, late.reason) for late in LatePayment.objects.order_by("pk")]


def test_completes_the_intent_with_the_money(gateway, tell, events):
    intent = gateway.shown()
    paid = tell(intent, PAID)

    assert (paid.status, paid.captured_minor, paid.authorized_minor) == ("succeeded", 12550, 12550)
    attempt = gateway.attempt(intent)
    assert (attempt.status, attempt.captured_minor, attempt.provider_reference) == (
        "captured",
        12550,
        "BANK1",
    )
    assert attempt.next_probe_at is None
    assert events(intent)[-1] == "payment_intent_succeeded"


def test_counts_once_however_often_it_is_told(gateway, tell, events):
    intent = gateway.shown()
    for learned_from in (LearnedFrom.WEBHOOK, LearnedFrom.WEBHOOK, LearnedFrom.PROBE):
        tell(intent, PAID, learned_from=learned_from)

    assert events(intent).count("payment_intent_succeeded") == 1
    assert late_payments() == []


def test_arrives_before_the_answer_to_our_own_call(gateway, tell, provider, events):
    """The customer paid and the bank called back while our create call was still waiting."""

    def paid_meanwhile(request):
        tell(intent, PAID, learned_from=LearnedFrom.WEBHOOK)
        return show_qr(request)

    provider.on_create.append(paid_meanwhile)
    intent = gateway.create()
    answer = gateway.confirm(intent)

    assert answer.status == "succeeded"
    assert gateway.attempt(intent).status == "captured"
    assert "payment_intent_action_required" not in events(intent)


def test_that_was_counted_for_another_charge_is_left_to_people(gateway, provider, tell):
    """It counts no second time, and it is no proof that nobody paid either."""
    first, second = gateway.shown(), gateway.shown(reference="other")
    assert tell(first, PAID).status == "succeeded"
    assert tell(second, PAID).status == "processing"
    assert gateway.attempt(second).status == "unknown"
    tell(second, PAID)

    assert cancel_intent(scope=SCOPE, intent_id=second.pk, now=gateway.now).status == "processing"
    assert tell(second, PAID, seconds=3600).status == "processing"
    attempt = gateway.attempt(second)
    assert (attempt.status, attempt.error_code) == ("unknown", "reference_counted")
    assert late_payments() == []


LATER_NEWS = [
    Pending(),
    Unknown(code="timeout", message=""),
    Declined(code="declined", message=""),
    NotProcessed(code="x", message=""),
    Voided(),
    ActionRequired(next_action={"type": "display_qr"}),
]


@pytest.mark.parametrize("news", LATER_NEWS, ids=lambda news: type(news).__name__)
@pytest.mark.parametrize("learned_from", LearnedFrom)
def test_is_never_taken_back_by_weaker_news(gateway, tell, news, learned_from):
    intent = gateway.shown()
    tell(intent, PAID)

    after = tell(intent, news, learned_from=learned_from)

    assert after.status == "succeeded"
    assert gateway.attempt(intent).status == "captured"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_ends_the_same_in_any_order(gateway, tell, provider, order):
    provider.on_create.append(answers(Unknown(code="timeout", message="")))
    intent = gateway.shown()
    news = [PAID, ActionRequired(next_action={"type": "display_qr"}), Unknown(code="reset", message="")]
    for index in order:
        tell(intent, news[index])

    assert gateway.intent(intent).status == "succeeded"


def test_of_a_second_payment_goes_back(gateway, tell, events):
    intent = gateway.shown()
    tell(intent, PAID)
    second = ProviderPayment(reference="BANK2", amount=AMOUNT)
    after = tell(intent, Approved(payments=(*PAID.payments, second)))

    assert (after.status, after.captured_minor) == ("succeeded", 12550)
    assert late_payments() == [("return_due", "duplicate")]
    assert events(intent)[-2:] == ["late_payment_return_due", "refund_created"]


@pytest.mark.parametrize("amount", [Money(12549, "THB"), Money(12551, "THB"), Money(12550, "USD")])
def test_of_a_wrong_amount_completes_nothing(gateway, tell, amount):
    intent = gateway.shown()
    after = tell(intent, Approved(payments=(ProviderPayment(reference="BANK1", amount=amount),)))

    assert (after.status, after.captured_minor) == ("requires_action", 0)
    assert late_payments() == [("return_due", "wrong_amount")]


def test_of_a_reversed_payment_is_not_money(gateway, tell):
    intent = gateway.shown()
    gone = ProviderPayment(reference="BANK1", amount=AMOUNT, reversed=True)
    assert tell(intent, Approved(payments=(gone,))).status == "requires_action"


def test_after_a_decline_still_completes_a_waiting_intent(gateway, tell, provider):
    """Declined, so the partner may try again; then it turns out that the first try took the money."""
    provider.on_create.append(answers(Declined(code="declined", message="")))
    intent = gateway.shown(source="api")
    assert intent.status == "requires_payment_method"

    assert tell(intent, PAID).status == "succeeded"


def test_about_an_older_attempt_withdraws_the_one_on_the_screen(gateway, tell, provider):
    provider.on_create.append(answers(Declined(code="declined", message="")))
    intent = gateway.shown(source="api")
    first = gateway.attempt(intent)
    gateway.confirm(intent)

    assert tell(intent, PAID, attempt=first).status == "succeeded"
    tell(intent, Pending())
    assert gateway.attempt(intent).status == "voided"


def failed_intent(gateway, provider, **changes):
    provider.on_create.append(answers(Declined(code="declined", message="")))
    return gateway.shown(**changes)


def test_that_is_late_waits_for_its_bill(gateway, tell, provider, events):
    intent = failed_intent(gateway, provider)
    after = tell(intent, PAID)

    assert after.status == "failed"
    assert gateway.attempt(intent).status == "captured"
    assert late_payments() == [("received", "after_failure")]
    assert events(intent)[-1] == "late_payment_received"


def test_that_is_late_can_be_accepted_once(gateway, tell, provider, events):
    intent = failed_intent(gateway, provider)
    tell(intent, PAID)
    for _ in range(2):
        accepted = accept_late(scope=SCOPE, intent_id=intent.pk, now=gateway.later(5))
        assert (accepted.status, accepted.captured_minor) == ("succeeded", 12550)

    assert late_payments() == [("accepted", "after_failure")]
    assert events(intent).count("payment_intent_succeeded") == 1
    with pytest.raises(LatePaymentDecided):
        return_late(scope=SCOPE, intent_id=intent.pk, reason="x", now=gateway.now)


def test_that_is_late_can_be_returned_once(gateway, tell, provider, events):
    intent = failed_intent(gateway, provider)
    tell(intent, PAID)
    for _ in range(2):
        returned = return_late(scope=SCOPE, intent_id=intent.pk, reason="bill is paid", now=gateway.now)
        assert (returned.status, returned.captured_minor) == ("failed", 0)

    assert late_payments() == [("return_due", "after_failure")]
    assert events(intent).count("late_payment_return_due") == 1
    with pytest.raises(LatePaymentDecided):
        accept_late(scope=SCOPE, intent_id=intent.pk, now=gateway.now)


def test_that_is_late_for_a_partner_is_accepted_at_once(gateway, tell, provider, events):
    intent = gateway.shown(source="api", expires_in_s=60)
    tell(intent, Pending(), seconds=61)
    assert gateway.intent(intent).status == "expired"

    assert tell(intent, PAID, seconds=100).status == "succeeded"
    assert late_payments() == [("accepted", "after_expiry")]


def test_cannot_be_told_about_another_tenants_attempt(gateway, provider):
    intent = gateway.shown()
    with pytest.raises(NotFound):
        apply_provider_truth(
            scope=OTHER_SCOPE,
            attempt_id=gateway.attempt(intent).pk,
            outcome=PAID,
            learned_from=LearnedFrom.PROBE,
            now=gateway.now,
        )


def test_in_its_history_is_complete(gateway, tell, superuser):
    intent = gateway.shown()
    tell(intent, PAID)
    rows = superuser.execute(
        "SELECT attempt_id IS NOT NULL, from_status, to_status, sequence FROM pgw.payment_intent_events"
        " WHERE intent_id = %s ORDER BY attempt_id IS NOT NULL, sequence",
        [intent.pk],
    ).fetchall()
    assert rows == [
        (False, None, "requires_confirmation", 1),
        (False, "requires_confirmation", "processing", 2),
        (False, "processing", "requires_action", 3),
        (False, "requires_action", "succeeded", 4),
        (True, None, "created", 1),
        (True, "created", "sent", 2),
        (True, "sent", "requires_action", 3),
        (True, "requires_action", "captured", 4),
    ]
