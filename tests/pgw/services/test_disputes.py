"""A dispute ..."""

import datetime as dt
import itertools
from dataclasses import replace

import msgspec
import pytest
from django.db import IntegrityError, ProgrammingError

from kernel.errors import NotFound
from kernel.ids import encode
from kernel.money import Money
from mpac.pgw.adapters import registry
from mpac.pgw.adapters.port import DisputeNews, WebhookHint, WebhookTrust
from mpac.pgw.db import atomic
from mpac.pgw.errors import PaymentDisputed
from mpac.pgw.models import Dispute, DisputeEvent, PaymentTransaction, StoreProviderConfig, WebhookKey
from mpac.pgw.services.disputes import apply_dispute_news
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.inbound import SCOPE as ALL
from mpac.pgw.services.inbound import Delivery, receive_webhook, retry_webhooks
from tests.pgw.conftest import OTHER_SCOPE, SCOPE
from tests.pgw.doubles import RefundingAdapter

pytestmark = pytest.mark.usefixtures("healthy")

STATES = ("opened", "under_review", "won", "lost")


class CardAdapter(RefundingAdapter):
    """A provider that signs its notices, and tells of disputes by its own reference of the payment."""

    capabilities = replace(RefundingAdapter.capabilities, webhook_trust=WebhookTrust.SIGNED, disputes=True)

    def read_webhook(self, *, headers, body, account, now) -> WebhookHint:
        told = msgspec.json.decode(body)
        if "dispute" not in told:
            return super().read_webhook(headers=headers, body=body, account=account, now=now)
        return WebhookHint(
            dedupe_key=told["id"],
            provider_key="",
            provider_reference=told["payment"],
            answer={},
            dispute=DisputeNews(
                reference=told["dispute"],
                status=told["status"],
                amount=Money(told["amount"], "THB"),
                reason="fraudulent",
            ),
        )


@pytest.fixture
def provider(mirrored):
    adapter = CardAdapter()
    registry.register(adapter)
    yield adapter
    registry._adapters.pop("fake")


@pytest.fixture
def paid(gateway):
    intent = gateway.shown()
    gateway.pay(intent)
    gateway.probe(intent)
    return intent


def news(status="opened", **changes) -> DisputeNews:
    values = {"reference": "CASE1", "status": status, "amount": Money(10000, "THB"), "reason": "fraudulent"}
    return DisputeNews(**{**values, **changes})


@pytest.fixture
def tell(gateway, paid):
    attempt = gateway.attempt(paid)

    def apply(status="opened", *, scope=SCOPE, **changes) -> Dispute:
        return apply_dispute_news(
            scope=scope,
            attempt_id=attempt.pk,
            news=news(status, **changes),
            learned_from=LearnedFrom.WEBHOOK,
            now=gateway.now,
        )

    return apply


def disputes() -> list[Dispute]:
    with atomic(SCOPE):
        return list(Dispute.objects.order_by("pk"))


def history() -> list[tuple[str | None, str]]:
    with atomic(SCOPE):
        return [(each.from_status, each.to_status) for each in DisputeEvent.objects.order_by("sequence")]


def told(events, intent) -> list[str]:
    return [kind for kind in events(intent) if kind.startswith("dispute")]


def test_opens_with_what_the_provider_tells(tell, paid, events, now):
    due = now + dt.timedelta(days=7)
    dispute = tell(evidence_due_at=due)
    assert (dispute.status, dispute.amount_minor, dispute.currency) == ("opened", 10000, "THB")
    assert (dispute.reason, dispute.evidence_due_at, dispute.closed_at) == ("fraudulent", due, None)
    assert (dispute.intent_id, dispute.provider_reference) == (paid.pk, "CASE1")
    assert (history(), told(events, paid)) == ([(None, "opened")], ["dispute_opened"])


def test_changes_no_sum_of_its_intent(tell, paid, gateway):
    before = gateway.intent(paid)
    tell()
    tell("lost")
    after = gateway.intent(paid)
    sums = ("status", "captured_minor", "refunded_minor", "version")
    assert [getattr(before, name) for name in sums] == [getattr(after, name) for name in sums]


def test_goes_to_review_and_is_won_and_may_still_be_lost(tell, paid, events, now):
    for status in STATES:
        assert tell(status).status == status
    assert history() == [(None, "opened"), *itertools.pairwise(STATES)]
    assert told(events, paid) == ["dispute_opened", "dispute_updated", "dispute_closed", "dispute_closed"]
    assert disputes()[0].closed_at == now


@pytest.mark.parametrize("order", list(itertools.permutations(("opened", "under_review", "lost"))))
def test_ends_in_the_last_truth_in_whatever_order_it_is_told(tell, paid, events, order):
    for status in (*order, *order):
        tell(status)
    assert [each.status for each in disputes()] == ["lost"]
    assert told(events, paid)[0] == "dispute_opened"
    assert told(events, paid)[-1] == "dispute_closed"
    assert told(events, paid).count("dispute_closed") == 1


def test_told_again_changes_nothing(tell, paid, events):
    tell()
    tell()
    assert (len(disputes()), history(), told(events, paid)) == (1, [(None, "opened")], ["dispute_opened"])


def test_told_with_more_time_or_another_amount_is_updated(tell, paid, events, now):
    tell()
    tell(evidence_due_at=now)
    tell(amount=Money(5000, "THB"))
    [dispute] = disputes()
    assert (dispute.amount_minor, dispute.evidence_due_at, dispute.version) == (5000, now, 1)
    assert told(events, paid) == ["dispute_opened", "dispute_updated", "dispute_updated"]


def test_of_an_inquiry_without_an_amount_is_about_all(tell):
    assert tell(amount=Money(0, "THB")).amount_minor == 12550


def test_keeps_what_the_provider_said(tell):
    tell()
    tell("won")
    with atomic(SCOPE):
        said = list(PaymentTransaction.objects.filter(provider_reference="CASE1").order_by("pk"))
    assert [each.status for each in said] == ["dispute_opened", "dispute_won"]


FUNDS = [(0, 0), (11500, 0), (11500, 10000)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_counts_what_was_taken_and_given_back_in_whatever_order_it_is_told(tell, paid, events, order):
    for number in (*order, *order):
        taken, given = (Money(minor, "THB") for minor in FUNDS[number])
        tell("won" if number == 2 else "opened", withdrawn=taken, reinstated=given)
    [dispute] = disputes()
    assert (dispute.withdrawn_minor, dispute.reinstated_minor, dispute.funds_currency) == (
        11500,
        10000,
        "THB",
    )
    assert (dispute.status, told(events, paid)[0]) == ("won", "dispute_opened")


def test_tells_of_money_that_comes_back_after_its_end(tell, paid, events):
    tell("won", withdrawn=Money(11500, "THB"))
    tell("won", withdrawn=Money(11500, "THB"), reinstated=Money(10000, "THB"))
    tell("won", withdrawn=Money(11500, "THB"), reinstated=Money(10000, "THB"))
    assert told(events, paid) == ["dispute_opened", "dispute_closed", "dispute_updated"]


def test_adds_up_no_two_currencies(tell):
    tell(withdrawn=Money(11500, "THB"))
    tell(withdrawn=Money(99999, "USD"))
    assert [(each.withdrawn_minor, each.funds_currency) for each in disputes()] == [(11500, "THB")]


@pytest.mark.parametrize("status", ["opened", "under_review", "lost"])
def test_keeps_what_it_is_about_from_being_refunded_beside_it(tell, paid, refunds, status):
    tell(status)
    with pytest.raises(PaymentDisputed):
        refunds.give(paid, 2551)
    assert refunds.all() == []
    refunds.give(paid, 2550)
    assert refunds.sums(paid) == (0, 2550)


def test_that_is_won_lets_the_payment_be_refunded(tell, paid, refunds):
    tell("won")
    refunds.give(paid, 12550)
    assert refunds.sums(paid) == (0, 12550)


def test_of_a_payment_that_was_given_back_meanwhile_is_kept_beside_the_refund(tell, paid, refunds):
    refunds.give(paid, 12550)
    assert (tell().status, refunds.sums(paid)) == ("opened", (0, 12550))


def test_of_one_payment_may_be_several(tell):
    tell()
    tell(reference="CASE2")
    assert [each.provider_reference for each in disputes()] == ["CASE1", "CASE2"]


def test_of_another_tenants_attempt_is_missing(tell):
    with pytest.raises(NotFound):
        tell(scope=OTHER_SCOPE)


def test_is_moved_back_by_nobody(tell):
    tell("lost")
    with pytest.raises(IntegrityError), atomic(SCOPE):
        Dispute.objects.update(status="won")
    with pytest.raises(ProgrammingError, match="permission denied"), atomic(SCOPE):
        DisputeEvent.objects.update(to_status="won")


class Notices:
    """Notices of disputes, as the provider of a store sends them."""

    def __init__(self, now) -> None:
        self.now, self._count = now, 0

    def account(self, merchant_id=11) -> str:
        with atomic(ALL):
            return encode("pca", StoreProviderConfig.objects.get(merchant_id=merchant_id).pk)

    def send(self, payment, status="opened", *, account=None, notice_id=None):
        self._count += 1
        body = {"dispute": "CASE1", "payment": payment, "status": status, "amount": 12550}
        body["id"] = notice_id or f"evt_{self._count}"
        delivery = Delivery(
            provider="fake", account=account or self.account(), headers={}, body=msgspec.json.encode(body)
        )
        return receive_webhook(delivery=delivery, now=self.now)

    def states(self) -> list[str]:
        with atomic(ALL):
            return [key.status for key in WebhookKey.objects.order_by("pk")]


@pytest.fixture
def notices(now) -> Notices:
    return Notices(now)


def test_is_learned_from_a_signed_notice_that_knows_the_payment_alone(gateway, paid, notices, events):
    reference = gateway.attempt(paid).provider_reference
    for status in STATES:
        notices.send(reference, status)
    assert [each.status for each in disputes()] == ["lost"]
    assert notices.states() == ["applied"] * 4
    assert told(events, paid)[0] == "dispute_opened"


def test_is_learned_once_from_a_notice_that_comes_twice(gateway, paid, notices, events):
    for _ in range(2):
        notices.send(gateway.attempt(paid).provider_reference, notice_id="evt_same")
    assert (notices.states(), told(events, paid)) == (["applied"], ["dispute_opened"])


def test_waits_in_its_notice_until_the_payment_is_known(gateway, provider, notices, events):
    intent = gateway.shown()
    notices.send("BANK000001")
    assert (notices.states(), disputes()) == (["parked"], [])
    gateway.pay(intent)
    gateway.probe(intent)
    retry_webhooks(now=gateway.later(60))
    assert (notices.states(), [each.status for each in disputes()]) == (["applied"], ["opened"])


def test_is_not_learned_from_who_speaks_for_another_merchant(gateway, paid, notices):
    notices.send(gateway.attempt(paid).provider_reference, account=notices.account(22))
    assert (notices.states(), disputes()) == (["parked"], [])


def test_is_not_learned_from_an_unsigned_notice(gateway, paid, provider, notices):
    provider.capabilities = replace(provider.capabilities, webhook_trust=WebhookTrust.HINT)
    notices.send(gateway.attempt(paid).provider_reference)
    assert disputes() == []


def test_payments_of_another_merchant_are_not_paid_by_ones_own_signature(gateway, provider, notices):
    """The secret of one merchant's account signs nothing about another's attempt."""
    intent = gateway.shown()
    gateway.pay(intent)
    body = provider.notice(gateway.attempt(intent).provider_key, "BANK000001")
    delivery = Delivery(provider="fake", account=notices.account(22), headers={}, body=body)
    receive_webhook(delivery=delivery, now=gateway.now)
    assert (notices.states(), gateway.intent(intent).status) == (["parked"], "requires_action")


@pytest.mark.parametrize("status", ["parked", "applied"])
def test_live_money_is_not_moved_by_the_signature_of_a_test_account(
    gateway, provider, notices, superuser, status
):
    """The secret of a test account is known to more people; an account of unknown mode speaks for both."""
    intent = gateway.shown()
    reference = gateway.pay(intent)
    key = gateway.attempt(intent).provider_key
    of_other_mode = True if status == "parked" else None
    superuser.execute(
        "UPDATE pgw.store_provider_configs SET livemode = %s WHERE merchant_id = 11", [of_other_mode]
    )
    delivery = Delivery(
        provider="fake", account=notices.account(), headers={}, body=provider.notice(key, reference)
    )
    receive_webhook(delivery=delivery, now=gateway.now)
    assert notices.states() == [status]
