"""A refund ..."""

import pytest
from django.db import IntegrityError

from kernel.errors import NotFound
from kernel.ids import encode
from kernel.money import Money
from mpac.pgw import api as pgw
from mpac.pgw.adapters.port import Accepted, ByHand, Declined, Done, NotProcessed, RefundSupport, Unknown
from mpac.pgw.db import atomic
from mpac.pgw.errors import (
    CurrencyNotAccepted,
    PartialRefundNotSupported,
    RefundExceedsCapture,
    RefundNotRetriable,
)
from mpac.pgw.models import PaymentIntent
from mpac.pgw.selectors.locks import lock_intent
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.manual_refunds import Evidence, approve_refund, file_evidence
from mpac.pgw.services.operation_resolution import resolve_due_refunds
from mpac.pgw.services.refund_truth import apply_refund_truth
from mpac.pgw.services.refunds import begin_refund, refund_intent
from tests.pgw.conftest import OTHER_SCOPE, SCOPE
from tests.pgw.doubles import TIMEOUT, answers

pytestmark = pytest.mark.usefixtures("healthy")

NO = Declined(code="declined", message="No.")
REFUSED = NotProcessed(code="busy", message="Busy.")


@pytest.fixture
def provider(refunding):
    return refunding


@pytest.fixture
def paid(gateway):
    intent = gateway.shown()
    gateway.pay(intent)
    gateway.probe(intent)
    return intent


@pytest.fixture
def tell(gateway):
    def apply(refund, outcome, *, learned_from=LearnedFrom.PROBE):
        return apply_refund_truth(
            scope=SCOPE, refund_id=refund.pk, outcome=outcome, learned_from=learned_from, now=gateway.now
        )

    return apply


def resolve(gateway, *, seconds: int) -> None:
    for second in range(0, seconds, 2):
        resolve_due_refunds(now=gateway.later(second))


def test_gives_everything_back_when_no_amount_is_named(paid, refunds, provider, events):
    refund = refunds.give(paid)
    assert (refund.status, refund.amount_minor, refund.provider_reference) == (
        "completed",
        12550,
        "BACK000002",
    )
    assert refunds.sums(paid) == (0, 12550)
    assert provider.given_back() == 12550
    assert events(paid)[-2:] == ["refund_created", "refund_completed"]


def test_names_the_payment_that_it_gives_back(gateway, paid, refunds, provider):
    refunds.give(paid, 100)
    [request] = provider.refunded
    assert (request.payment_reference, request.charge.provider_key) == (
        "BANK000001",
        gateway.attempt(paid).provider_key,
    )
    assert (request.amount, request.reason) == (Money(100, "THB"), "returned goods")


def test_may_be_a_part_and_then_another_up_to_the_whole(paid, refunds):
    for amount in (100, 2450, 10000):
        assert refunds.give(paid, amount).status == "completed"
    with pytest.raises(RefundExceedsCapture):
        refunds.give(paid, 1)
    with pytest.raises(RefundExceedsCapture):
        refunds.give(paid)
    assert refunds.sums(paid) == (0, 12550)


@pytest.mark.parametrize("amount", [12551, 0, -1])
def test_is_never_more_than_was_captured(paid, refunds, provider, amount):
    with pytest.raises(RefundExceedsCapture):
        refunds.give(paid, amount)
    assert (provider.refunded, refunds.all(), refunds.sums(paid)) == ([], [], (0, 0))


def test_of_what_was_not_paid_is_refused(gateway, refunds):
    with pytest.raises(RefundExceedsCapture):
        refunds.give(gateway.shown())


def test_reserves_its_amount_while_its_outcome_is_open(paid, refunds, provider):
    provider.on_refund.append(answers(TIMEOUT))
    refund = refunds.give(paid, 10000)
    assert (refund.status, refunds.sums(paid)) == ("processing", (10000, 0))
    with pytest.raises(RefundExceedsCapture):
        refunds.give(paid, 2551)


def test_that_is_refused_frees_its_amount(paid, refunds, provider, events):
    provider.on_refund += [answers(NO), answers(REFUSED)]
    for code in ("declined", "busy"):
        refund = refunds.give(paid)
        assert (refund.status, refund.error_code) == ("failed", code)
        assert refunds.sums(paid) == (0, 0)
    assert events(paid)[-2:] == ["refund_created", "refund_failed"]
    assert refunds.give(paid).status == "completed"


def test_with_the_same_key_has_one_effect(paid, refunds, provider):
    first = refunds.give(paid, 100, idempotency_key="K")
    again = refunds.give(paid, 100, idempotency_key="K")
    assert first.pk == again.pk
    assert len(provider.refunded) == 1


def test_whose_answer_was_lost_is_found(gateway, paid, refunds, provider):
    provider.on_refund.append(provider.give_back_and_hang)
    refund = refunds.give(paid)
    resolve(gateway, seconds=10)
    assert refunds.get(refund).status == "completed"
    assert (len(provider.refunded), refunds.sums(paid)) == (1, (0, 12550))


def test_that_never_arrived_is_sent_again_under_its_key(gateway, paid, refunds, provider):
    provider.on_refund.append(answers(TIMEOUT))
    refund = refunds.give(paid)
    resolve(gateway, seconds=10)
    assert refunds.get(refund).status == "completed"
    assert [request.operation_key for request in provider.refunded] == [refund.operation_key] * 2


def test_whose_caller_died_is_sent_by_the_resolver(gateway, paid, refunds, provider):
    with atomic(SCOPE):
        refund, is_ours = begin_refund(wanted=refunds.wanted(paid), now=gateway.now)
    assert is_ours
    resolve(gateway, seconds=28)
    assert provider.refunded == []
    resolve(gateway, seconds=40)
    assert refunds.get(refund).status == "completed"


def test_is_never_repeated_while_the_provider_cannot_be_asked(gateway, paid, refunds, provider):
    provider.on_refund.append(answers(TIMEOUT))
    provider.on_probe_refund += [answers(TIMEOUT)] * 100
    refund = refunds.give(paid)
    resolve(gateway, seconds=300)
    assert (len(provider.refunded), refunds.get(refund).status) == (1, "processing")
    assert refunds.get(refund).next_probe_at > gateway.later(300)


def test_that_is_refused_when_repeated_fails_only_after_many_tries(gateway, paid, refunds, provider):
    """One refusal of a repeated call proves nothing about the call whose answer was lost."""
    provider.on_refund += [answers(TIMEOUT), *[answers(REFUSED)] * 50]
    refund = refunds.give(paid)
    resolve(gateway, seconds=60)
    assert refunds.get(refund).status == "processing"
    resolve(gateway, seconds=600)
    assert (refunds.get(refund).status, refunds.sums(paid)) == ("failed", (0, 0))


def test_whose_refusal_comes_late_may_have_been_sent_again_and_carried_out(gateway, paid, refunds, provider):
    """The caller hung for so long that the resolver took it for dead."""

    def refused_late(_request):
        provider.on_refund.append(provider.give_back_and_hang)
        resolve_due_refunds(now=gateway.later(31))
        return REFUSED

    provider.on_refund.append(refused_late)
    refund = refunds.give(paid)
    assert (refund.status, refunds.sums(paid)) == ("processing", (12550, 0))
    resolve(gateway, seconds=120)
    assert (refunds.get(refund).status, refunds.sums(paid)) == ("completed", (0, 12550))
    assert provider.given_back() == 12550


def test_that_takes_its_time_is_waited_for(gateway, paid, refunds, provider, tell):
    provider.on_refund.append(provider.take_up)
    refund = refunds.give(paid, 100)
    assert (refund.status, refund.provider_reference) == ("processing", "TAKEN000002")
    resolve(gateway, seconds=600)
    assert (refunds.get(refund).status, len(provider.refunded)) == ("processing", 1)
    tell(refund, Done(reference="TAKEN000002", amount=Money(100, "THB")))
    assert (refunds.get(refund).status, refunds.sums(paid)) == ("completed", (0, 100))


@pytest.mark.parametrize("learned_from", LearnedFrom)
@pytest.mark.parametrize(
    "news",
    [
        NO,
        REFUSED,
        TIMEOUT,
        Accepted(reference="X"),
        Done(reference="BACK000002", amount=Money(12550, "THB")),
    ],
    ids=lambda news: type(news).__name__,
)
def test_that_is_completed_stays_so_whatever_is_told_later(paid, refunds, tell, news, learned_from):
    refund = refunds.give(paid)
    tell(refund, news, learned_from=learned_from)
    assert (refunds.get(refund).status, refunds.sums(paid)) == ("completed", (0, 12550))


def test_that_comes_back_is_captured_money_again(paid, refunds, provider, tell, events):
    refund = refunds.give(paid)
    back = provider.return_refund(refund.operation_key)
    for _ in range(2):
        tell(refund, back, learned_from=LearnedFrom.WEBHOOK)
    assert (refunds.get(refund).status, refunds.get(refund).error_code) == ("reversed", "account_closed")
    assert refunds.sums(paid) == (0, 0)
    assert events(paid).count("refund_reversed") == 1
    assert refunds.give(paid).status == "completed"


def test_that_came_back_before_we_knew_that_it_went_is_told_as_both(paid, refunds, provider, tell, events):
    provider.on_refund.append(provider.give_back_and_hang)
    refund = refunds.give(paid)
    tell(refund, provider.return_refund(refund.operation_key))
    assert (refunds.get(refund).status, refunds.sums(paid)) == ("reversed", (0, 0))
    assert events(paid)[-3:] == ["refund_created", "refund_completed", "refund_reversed"]


def test_that_was_taken_for_failed_and_was_not_is_counted(paid, refunds, provider, tell):
    provider.on_refund.append(answers(NO))
    refund = refunds.give(paid, 100)
    tell(refund, Done(reference="B", amount=Money(100, "THB")), learned_from=LearnedFrom.WEBHOOK)
    assert (refunds.get(refund).status, refunds.sums(paid)) == ("completed", (0, 100))


def test_that_was_taken_for_failed_and_replaced_is_left_to_people(paid, refunds, provider, tell):
    provider.on_refund.append(answers(NO))
    refund = refunds.give(paid)
    refunds.give(paid)
    for _ in range(2):
        tell(refund, Done(reference="B", amount=Money(12550, "THB")), learned_from=LearnedFrom.WEBHOOK)
    left = refunds.get(refund)
    assert (left.status, left.error_code) == ("failed", "given_back_beyond_capture")
    assert refunds.sums(paid) == (0, 12550)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Done(reference="FIRST", amount=Money(50, "THB")), "reference_counted"),
        (Done(reference="OTHER", amount=Money(51, "THB")), "amount_mismatch"),
    ],
)
def test_whose_answer_does_not_fit_stays_open(paid, refunds, provider, answer, code):
    provider.on_refund += [answers(Done(reference="FIRST", amount=Money(50, "THB"))), answers(answer)]
    refunds.give(paid, 50)
    refund = refunds.give(paid, 50)
    assert (refunds.get(refund).status, refunds.get(refund).error_code) == ("processing", code)
    assert refunds.sums(paid) == (50, 50)


def test_that_failed_is_tried_again_once(paid, refunds, provider):
    provider.on_refund += [answers(NO)]
    failed = refunds.give(paid, 100)
    again = refunds.give(paid, retry_of=failed.pk)
    assert (again.status, again.amount_minor, again.retry_of_id) == ("completed", 100, failed.pk)
    assert again.operation_key != failed.operation_key
    for refund in (failed, again):
        with pytest.raises(RefundNotRetriable):
            refunds.give(paid, retry_of=refund.pk)


def test_is_tried_again_with_its_own_amount_alone(gateway, paid, refunds, provider):
    provider.on_refund += [answers(NO)]
    failed = refunds.give(paid, 100)
    with pytest.raises(RefundNotRetriable):
        refunds.give(paid, 99, retry_of=failed.pk)
    with pytest.raises(NotFound):
        refunds.give(gateway.shown(), retry_of=failed.pk)


def test_of_a_part_needs_a_provider_that_gives_parts(paid, refunds, provider, monkeypatch):
    can = type(provider.capabilities)
    whole = {name: getattr(provider.capabilities, name) for name in can.__dataclass_fields__}
    monkeypatch.setattr(provider, "capabilities", can(**whole | {"refund": RefundSupport.FULL}))
    with pytest.raises(PartialRefundNotSupported):
        refunds.give(paid, 100)
    assert refunds.sums(paid) == (0, 0)
    assert refunds.give(paid).status == "completed"


def test_of_another_tenants_intent_is_not_found(gateway, paid, refunds):
    with pytest.raises(NotFound):
        refund_intent(scope=OTHER_SCOPE, wanted=refunds.wanted(paid), now=gateway.now)


def test_beyond_the_capture_is_refused_by_the_database_itself(paid, superuser):
    with pytest.raises(IntegrityError, match="payment_intents_refunded"), atomic(SCOPE):
        PaymentIntent.objects.filter(pk=lock_intent(paid.pk).pk).update(
            refunding_minor=6000, refunded_minor=6551
        )


def test_is_told_in_the_history(paid, refunds, superuser):
    refund = refunds.give(paid)
    rows = superuser.execute(
        "SELECT from_status, to_status, sequence, actor FROM pgw.payment_intent_events WHERE refund_id = %s"
        " ORDER BY sequence",
        [refund.pk],
    ).fetchall()
    assert rows == [
        (None, "pending", 1, "partner:1"),
        ("pending", "processing", 2, "partner:1"),
        ("processing", "completed", 3, "answer"),
    ]


def test_that_cannot_be_asked_about_holds_up_no_other(gateway, paid, refunds, provider):
    provider.on_refund += [answers(TIMEOUT)] * 2
    for _ in range(2):
        refunds.give(paid, 100)

    def stumble(request):
        raise RuntimeError("a fault of ours")

    provider.on_probe_refund.append(stumble)
    assert resolve_due_refunds(now=gateway.later(5)) == 2
    assert sorted(refund.status for refund in refunds.all()) == ["completed", "processing"]


def test_with_no_account_to_call_with_fails_and_is_asked_about_no_more(gateway, paid, refunds, superuser):
    superuser.execute("UPDATE pgw.store_provider_configs SET api_key_encrypted = 'broken'")
    refund = refunds.give(paid)
    assert (refund.status, refund.error_code, refunds.sums(paid)) == ("failed", "account_gone", (0, 0))


def test_that_the_provider_still_owes_an_answer_for_is_shown_with_the_reason(paid, refunds, provider):
    provider.on_refund.append(answers(Unknown(code="http_502", message="Bad gateway.")))
    refund = refunds.give(paid)
    assert (refund.error_code, refund.error_message) == ("http_502", "Bad gateway.")


def test_is_left_to_people_when_its_provider_will_not_do_it(paid, refunds, provider, gateway, events):
    provider.on_refund.append(answers(ByHand(code="settled", message="It is settled.")))
    refund = refunds.give(paid, 5000)
    assert (refund.status, refund.manual, refund.error_code) == ("pending", True, "settled")
    assert refunds.sums(paid) == (5000, 0)
    resolve(gateway, seconds=60)
    assert (len(provider.refunded), provider.probed_refunds) == (1, [])
    known = {"scope": SCOPE, "refund_id": refund.pk, "now": gateway.now}
    sent = Evidence(reference="TRANSFER-1", note="by hand", sent_at=gateway.now)
    file_evidence(**known, evidence=sent, person="person:2")
    assert approve_refund(**known, reference="TRANSFER-1", person="person:3").status == "completed"
    assert refunds.sums(paid) == (0, 5000)
    assert events(paid)[-2:] == ["refund_created", "refund_completed"]


def test_is_opened_by_other_contexts_as_over_the_api(paid, refunds, provider, gateway):
    wanted = {
        "scope": SCOPE,
        "intent_id": encode("pi", paid.pk),
        "reason": "returned",
        "idempotency_key": "smarttab/1",
        "requested_by": "smarttab",
        "now": gateway.now,
    }
    first, again = (pgw.refund_payment_intent(**wanted, amount=Money(5000, "THB")) for _ in range(2))
    assert (first.status, first.amount_minor, first.manual, first.last_error) == (
        "completed",
        5000,
        False,
        None,
    )
    assert pgw.get_refund(scope=SCOPE, refund_id=first.id) == first == again
    assert len(provider.refunded) == 1
    other = wanted | {"idempotency_key": "smarttab/2"}
    with pytest.raises(pgw.RefundExceedsCapture):
        pgw.refund_payment_intent(**other, amount=Money(10_000, "THB"))
    with pytest.raises(CurrencyNotAccepted):
        pgw.refund_payment_intent(**other, amount=Money(5000, "JPY"))
    with pytest.raises(NotFound):
        pgw.refund_payment_intent(**other | {"scope": OTHER_SCOPE})
    assert refunds.sums(paid) == (0, 5000)
