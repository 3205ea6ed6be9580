"""A provider that cannot be asked, and tells by signed notices ..."""

import itertools
from dataclasses import replace

import pytest

from kernel.money import Money
from mpac.pgw.adapters.port import (
    Accepted,
    Authorized,
    CaptureNews,
    Declined,
    NeverHeard,
    Pending,
    ProviderPayment,
    Unknown,
    Voided,
    WebhookHint,
    WebhookTrust,
)
from mpac.pgw.db import atomic
from mpac.pgw.errors import WebhookRefused
from mpac.pgw.models import LatePayment, WebhookKey
from mpac.pgw.services import inbound
from mpac.pgw.services.cancellation import cancel_intent
from mpac.pgw.services.inbound import Delivery, receive_webhook, retry_webhooks
from mpac.pgw.services.operation_resolution import resolve_due_captures, resolve_due_refunds
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.conftest import AMOUNT, SCOPE
from tests.pgw.doubles import TIMEOUT, answers

pytestmark = pytest.mark.usefixtures("healthy")

SILENT = Unknown(code="cannot_be_asked", message="")
REFUSED = Declined(code="refused", message="No.")


@pytest.fixture
def provider(holding):
    holding.capabilities = replace(
        holding.capabilities, probe=False, webhook_trust=WebhookTrust.SIGNED, customer_initiated=False
    )
    holding.probe = answers(SILENT)
    holding.probe_capture = holding.probe_refund = answers(SILENT)
    return holding


@pytest.fixture
def tell(gateway, provider, monkeypatch):
    """Let the provider tell something about an intent's last attempt."""
    numbers = itertools.count()

    def told(intent, **proven):
        hint = WebhookHint(
            dedupe_key=f"notice-{next(numbers)}",
            provider_key=gateway.attempt(intent).provider_key,
            provider_reference="PSP1",
            answer="[accepted]",
            **proven,
        )
        monkeypatch.setattr(provider, "read_webhook", lambda **_: hint)
        return receive_webhook(delivery=Delivery(provider="fake", headers={}, body=b""), now=gateway.now)

    return told


def resolve(gateway, *, seconds: int) -> None:
    for second in range(0, seconds, 2):
        resolve_due_attempts(now=gateway.later(second))
        resolve_due_captures(now=gateway.later(second))
        resolve_due_refunds(now=gateway.later(second))


def status_of(gateway, intent) -> tuple[str, str]:
    return gateway.intent(intent).status, gateway.attempt(intent).status


def test_is_answered_as_it_expects(captures, tell):
    assert tell(captures.held()) == "[accepted]"


def test_is_called_again_under_the_same_key(gateway, captures, provider):
    provider.on_create.append(provider.hold_and_hang)
    intent = captures.held()
    assert intent.status == "processing"
    resolve(gateway, seconds=10)
    assert status_of(gateway, intent) == ("requires_capture", "authorized")
    assert len({request.provider_key for request in provider.created}) == 1
    assert len(provider.holds) == 1


def test_tells_that_the_money_is_held(gateway, captures, provider, tell):
    provider.on_create.append(provider.hold_and_hang)
    intent = captures.held()
    tell(intent, state=Authorized(reference="PSP1", amount=AMOUNT))
    assert status_of(gateway, intent) == ("requires_capture", "authorized")


def test_tells_that_the_card_was_refused(gateway, provider, tell):
    provider.on_create.append(answers(TIMEOUT))
    intent = gateway.shown()
    tell(intent, state=REFUSED)
    assert gateway.attempt(intent).status == "declined"


def test_tells_of_money_that_came_late(gateway, provider, tell):
    provider.on_create += [answers(Pending())] * 50
    intent = gateway.shown()
    resolve(gateway, seconds=60)
    assert gateway.intent(intent).status == "processing"
    tell(intent, payments=(ProviderPayment(reference="PSP1", amount=AMOUNT),))
    assert gateway.intent(intent).status == "succeeded"


def test_tells_that_the_money_was_let_go(gateway, captures, provider, tell):
    provider.on_void += [answers(SILENT)] * 50
    intent = captures.held()
    cancel_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.now)
    resolve(gateway, seconds=20)
    assert status_of(gateway, intent) == ("requires_capture", "authorized")
    tell(intent, state=Voided())
    assert status_of(gateway, intent) == ("cancelled", "voided")


@pytest.fixture
def doubtful(gateway, captures, provider):
    """Charges whose first call was lost, and which the provider has taken to call off, if there is anything."""
    provider.on_create += [answers(TIMEOUT)] * 50
    provider.on_void += [answers(SILENT)] * 50

    def charge(*, held=False, called_off=True):
        intent = captures.held() if held else gateway.shown()
        if called_off:
            cancel_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.now)
        return intent

    return charge


def pass_time(gateway, seconds):
    gateway.now = gateway.later(seconds)
    resolve_due_attempts(now=gateway.now)


def test_is_asked_to_call_off_what_may_never_have_arrived_when_nothing_can_arrive_any_more(
    gateway, provider, tell, doubtful
):
    intent = doubtful()
    for second in range(0, 30, 2):
        resolve_due_attempts(now=gateway.later(second))
    tell(intent, state=NeverHeard())  # to somebody else's question: our call may still be on its way
    assert (provider.voided, status_of(gateway, intent)) == ([], ("processing", "unknown"))
    pass_time(gateway, 62)
    assert (len(provider.voided), gateway.intent(intent).status) == (1, "processing")
    tell(intent, state=NeverHeard())
    assert status_of(gateway, intent) == ("cancelled", "voided")
    assert len(provider.created) == 1


def test_is_asked_to_call_off_what_has_expired(gateway, provider, tell, doubtful):
    intent = doubtful(called_off=False)
    gateway.now = gateway.intent(intent).expires_at
    pass_time(gateway, 29)
    assert provider.voided == []
    pass_time(gateway, 62)
    assert len(provider.voided) == 1
    tell(intent, state=NeverHeard())
    assert status_of(gateway, intent) == ("failed", "voided")


def test_is_not_believed_to_know_nothing_of_what_is_wanted(gateway, tell, doubtful):
    intent = doubtful(called_off=False)
    pass_time(gateway, 62)
    tell(intent, state=NeverHeard())
    assert status_of(gateway, intent) == ("processing", "unknown")


def test_tells_that_what_was_called_off_had_been_paid(gateway, tell, doubtful):
    intent = doubtful()
    pass_time(gateway, 62)
    tell(intent, payments=(ProviderPayment(reference="PSP1", amount=AMOUNT),))
    tell(intent, state=NeverHeard())
    assert status_of(gateway, intent) == ("succeeded", "captured")


def test_tells_of_money_although_it_had_found_nothing(gateway, tell, doubtful):
    intent = doubtful()
    pass_time(gateway, 62)
    tell(intent, state=NeverHeard())
    tell(intent, payments=(ProviderPayment(reference="PSP1", amount=AMOUNT),))
    assert status_of(gateway, intent) == ("cancelled", "captured")
    with atomic(SCOPE):
        assert LatePayment.objects.get().provider_reference == "PSP1"


def test_is_asked_to_let_go_what_it_holds_although_it_had_found_nothing(gateway, provider, tell, doubtful):
    intent = doubtful(held=True)
    pass_time(gateway, 62)
    tell(intent, state=NeverHeard())
    tell(intent, state=Authorized(reference="PSP1", amount=AMOUNT))
    pass_time(gateway, 1)
    assert provider.voided[-1].provider_reference == "PSP1"
    assert status_of(gateway, intent) == ("cancelled", "voided")


def test_takes_no_notice_for_money_that_is_older_than_its_letting_go(gateway, tell, doubtful):
    intent = doubtful()
    pass_time(gateway, 62)
    tell(intent, state=Voided(reference="PSP1"))
    tell(intent, payments=(ProviderPayment(reference="PSP1", amount=AMOUNT),))
    assert status_of(gateway, intent) == ("cancelled", "voided")
    tell(intent, payments=(ProviderPayment(reference="PSP2", amount=AMOUNT),))
    assert status_of(gateway, intent) == ("cancelled", "captured")


@pytest.mark.parametrize("lost", [False, True])
def test_tells_that_a_capture_was_carried_out(gateway, captures, provider, tell, lost):
    intent = captures.held()
    provider.on_capture += [answers(TIMEOUT)] * lost + [answers(Accepted(reference="CAP1"))] * 50
    captures.take(intent, 5000)
    resolve(gateway, seconds=60)
    assert captures.sums(intent) == (12550, 5000, 0)
    assert len(provider.captured) == 1 + lost
    tell(intent, payments=(ProviderPayment(reference="CAP1", amount=Money(5000, "THB")),))
    assert captures.sums(intent)[1:] == (0, 5000)


def test_tells_that_a_capture_failed(gateway, captures, provider, tell):
    intent = captures.held()
    provider.on_capture.append(answers(Accepted(reference="CAP1")))
    captures.take(intent, 5000)
    news = CaptureNews(amount=Money(5000, "THB"), outcome=REFUSED)
    for _ in range(2):
        tell(intent, capture=news)
    assert captures.sums(intent) == (12550, 0, 0)
    assert status_of(gateway, intent) == ("requires_capture", "authorized")


def test_is_believed_later_when_its_notice_could_not_be_applied_at_once(
    gateway, captures, provider, tell, monkeypatch
):
    provider.on_create += [answers(TIMEOUT)] * 50
    intent = captures.held()
    with monkeypatch.context() as broken:
        broken.setattr(inbound, "apply_provider_truth", None)
        assert tell(intent, state=Authorized(reference="PSP1", amount=AMOUNT)) == "[accepted]"
    assert gateway.intent(intent).status == "processing"
    retry_webhooks(now=gateway.later(120))
    assert status_of(gateway, intent) == ("requires_capture", "authorized")


def test_is_not_believed_later_when_its_secret_is_gone(gateway, captures, provider, tell, monkeypatch):
    def refuse(**_):
        raise WebhookRefused

    provider.on_create += [answers(TIMEOUT)] * 50
    intent = captures.held()
    with monkeypatch.context() as broken:
        broken.setattr(inbound, "apply_provider_truth", None)
        tell(intent, state=Authorized(reference="PSP1", amount=AMOUNT))
    monkeypatch.setattr(provider, "read_webhook", refuse)
    retry_webhooks(now=gateway.later(120))
    assert gateway.intent(intent).status == "processing"
    with atomic(inbound.SCOPE):
        [key] = WebhookKey.objects.all()
    assert (key.status, key.tries) == ("pending", 1)
