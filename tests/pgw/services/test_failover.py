"""When a provider provably did nothing, a payment ..."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from kernel.errors import Conflict
from kernel.tenancy import SystemScope
from mpac.pgw.adapters.port import Declined, NotProcessed
from mpac.pgw.db import atomic
from mpac.pgw.models import PaymentAttempt, StoreProviderConfig
from mpac.pgw.services.cancellation import cancel_intent
from mpac.pgw.services.confirmation import confirm_intent
from mpac.pgw.services.fairness import Share
from mpac.pgw.services.resolution import WAITING, resolve_due_attempts
from tests.pgw.conftest import SCOPE
from tests.pgw.doubles import TokenAdapter, answers
from tests.pgw.services.routes import LOST, REFUSED

pytestmark = pytest.mark.usefixtures("healthy")

OPEN = "('created', 'sent', 'requires_action', 'authorized', 'unknown')"


@pytest.mark.parametrize("source", ["api", "smarttab"])
def test_goes_on_to_the_next_account(gateway, routes, events, source):
    routes["fake"].on_create.append(REFUSED)
    intent = gateway.shown(source=source)

    assert (intent.status, intent.provider) == ("requires_action", "other")
    assert routes.attempts(intent) == [("fake", "error"), ("other", "requires_action")]
    first, second = routes.decisions(intent)
    assert (first.failover, second.failover) == (False, True)
    assert {each["provider"]: each["barred"] for each in second.candidates} == {
        "other": None,
        "third": None,
        "fake": "tried",
    }
    assert events(intent) == [
        "payment_intent_created",
        "payment_intent_processing",
        "payment_intent_action_required",
    ]


def test_is_paid_at_the_account_that_it_went_on_to(gateway, routes):
    routes["fake"].on_create.append(REFUSED)
    intent = gateway.shown()
    attempt = gateway.attempt(intent)
    routes["other"].pay(attempt.provider_key, gateway.wanted().amount)

    assert gateway.probe(intent).status == "succeeded"
    assert routes.attempts(intent) == [("fake", "error"), ("other", "captured")]


@pytest.mark.parametrize("answer", [LOST, answers(Declined(code="declined", message="No."))])
def test_stays_where_it_is_otherwise(gateway, routes, answer):
    routes["fake"].on_create.append(answer)
    intent = gateway.shown()

    assert len(routes.attempts(intent)) == 1
    assert routes.calls() == {"fake": 1, "other": 0, "third": 0}


def test_stays_when_somebody_may_have_made_the_call_again_meanwhile(gateway, routes):
    """The caller hung for so long that the resolver took it for dead."""

    def refused_late(_request):
        assert WAITING.claim(
            SystemScope("resolver"), room=1, share=Share(), under_way=(), now=gateway.later(31)
        )
        return REFUSED(_request)

    routes["fake"].on_create.append(refused_late)
    intent = gateway.shown()

    assert routes.attempts(intent) == [("fake", "unknown")]
    assert intent.status == "processing"


def test_tries_every_account_once_and_then_gives_up(gateway, routes, events):
    for name in ("fake", "other", "third"):
        routes[name].on_create.append(REFUSED)
    intent = gateway.shown()

    assert (intent.status, intent.error_code) == ("failed", "not_reached")
    assert routes.attempts(intent) == [("fake", "error"), ("other", "error"), ("third", "error")]
    assert events(intent)[-1] == "payment_intent_failed"
    assert routes.calls() == {"fake": 1, "other": 1, "third": 1}


def test_starts_anew_with_all_accounts_when_it_is_confirmed_again(gateway, routes):
    for name in ("fake", "other", "third"):
        routes[name].on_create.append(REFUSED)
    intent = gateway.shown(source="api")
    assert intent.status == "requires_payment_method"

    assert gateway.confirm(intent).provider == "fake"
    assert [provider for provider, _ in routes.attempts(intent)] == ["fake", "other", "third", "fake"]


def test_stays_with_the_provider_that_the_caller_named(gateway, routes):
    routes["other"].on_create.append(REFUSED)
    intent = gateway.shown(provider="other")

    assert routes.attempts(intent) == [("other", "error")]
    assert intent.status == "failed"


def test_goes_nowhere_when_it_was_called_off_meanwhile(gateway, routes):
    intent = gateway.create()

    def cancel_and_refuse(_request):
        cancel_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.now)
        return NotProcessed(code="not_reached", message="")

    routes["fake"].on_create.append(cancel_and_refuse)
    gateway.confirm(intent)

    assert gateway.intent(intent).status == "cancelled"
    assert len(routes.attempts(intent)) == 1


def test_goes_nowhere_when_its_time_is_over(gateway, routes):
    intent = gateway.create(expires_in_s=30)
    with atomic(SystemScope("seed")):
        type(intent).objects.filter(pk=intent.pk).update(expires_at=gateway.later(0.001))
    routes["fake"].on_create.append(lambda request: threading.Event().wait(0.01) or REFUSED(request))
    gateway.confirm(intent)

    assert len(routes.attempts(intent)) == 1


def test_goes_on_when_an_accounts_credentials_cannot_be_opened(gateway, routes):
    with atomic(SystemScope("sync")):
        StoreProviderConfig.objects.filter(provider_name="fake").update(api_key_encrypted="v1.broken")
    intent = gateway.shown()

    assert routes.attempts(intent) == [("fake", "error"), ("other", "requires_action")]
    assert routes.calls()["fake"] == 0


def test_is_taken_up_by_the_resolver_when_the_process_dies_in_between(gateway, routes):
    """The first account refused, the second attempt is committed, and nobody calls."""
    intent = gateway.create()
    routes["fake"].on_create.append(REFUSED)

    def die(_request):
        raise SystemExit

    routes["other"].on_create.append(die)
    with pytest.raises(SystemExit):
        gateway.confirm(intent)
    assert routes.attempts(intent) == [("fake", "error"), ("other", "sent")]

    for step in range(1, 4):
        resolve_due_attempts(now=gateway.later(31 * step))
    assert routes.attempts(intent) == [("fake", "error"), ("other", "requires_action")]
    assert routes.calls()["third"] == 0


def test_never_has_two_open_attempts_while_many_confirm_it_at_once(gateway, routes, superuser):
    """Every provider looks, while it is called, how many attempts are open; every confirmation but one is refused."""
    seen, lock = [], threading.Lock()

    def look_and_refuse(request):
        count = f"SELECT intent_id, count(*) FROM pgw.payment_attempts WHERE status IN {OPEN} GROUP BY 1"
        with lock:
            seen.extend(number for _intent, number in superuser.execute(count).fetchall())
        return REFUSED(request)

    def confirm(intent):
        try:
            return confirm_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.now)
        except Conflict as refused:
            return refused
        finally:
            connections.close_all()

    for _ in range(6):
        intent = gateway.create()
        routes["fake"].on_create.append(look_and_refuse)
        routes["other"].on_create.append(look_and_refuse)
        before = routes.calls()
        with ThreadPoolExecutor(6) as pool:
            results = list(pool.map(confirm, [intent] * 6))
        assert sum(isinstance(result, Conflict) for result in results) == 5
        assert routes.attempts(intent) == [
            ("fake", "error"),
            ("other", "error"),
            ("third", "requires_action"),
        ]
        assert {name: count - before[name] for name, count in routes.calls().items()} == dict.fromkeys(
            before, 1
        )
    assert set(seen) == {1}


def test_is_charged_once_when_a_lost_call_and_the_resolver_meet(gateway, routes, superuser):
    """The resolver takes the attempt up while its call is still out; the call then says that it did nothing."""
    intent = gateway.create()

    def be_slow(request):
        resolve_due_attempts(now=gateway.later(40))
        return REFUSED(request)

    routes["fake"].on_create.append(be_slow)
    gateway.confirm(intent)

    with atomic(SCOPE):
        found = PaymentAttempt.objects.filter(intent_id=intent.pk)
        assert found.filter(status__in=["sent", "requires_action", "unknown"]).count() == 1
    assert routes.calls()["other"] == 0


def test_hands_the_token_of_one_provider_to_no_other(gateway, routes):
    for adapter in routes.adapters.values():
        adapter.capabilities = TokenAdapter.capabilities
    routes["fake"].on_create.append(REFUSED)
    intent = gateway.create(method="credit_card", source="api")
    tried = confirm_intent(
        scope=SCOPE, intent_id=intent.pk, provider="fake", payment_token="tokn_test_1", now=gateway.now
    )
    assert routes.calls() == {"fake": 1, "other": 0, "third": 0}
    assert routes.attempts(intent) == [("fake", "error")]
    assert tried.status == "requires_payment_method"
