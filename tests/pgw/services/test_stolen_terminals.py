"""What a stolen terminal has under way at the gateway ..."""

import uuid

import pytest

from kernel.tenancy import TenantScope
from mpac.pgw.adapters.port import Unknown
from mpac.pgw.domain.methods import CaptureMethod
from mpac.pgw.services import cancellation
from mpac.pgw.services.cancellation import cancel_intents_of_device
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.conftest import SCOPE, Gateway
from tests.pgw.doubles import answers
from tests.pgw.services.conftest import Captures

pytestmark = pytest.mark.usefixtures("healthy")

DEVICE = uuid.uuid4()
TIMEOUT = Unknown(code="timeout", message="")


def kill(gateway, *, scope=SCOPE, after_s=0.0):
    return cancel_intents_of_device(scope=scope, device_id=DEVICE, now=gateway.later(after_s))


@pytest.fixture
def card(holding, now):
    """A gateway whose provider holds money and can end what it has shown."""
    return Gateway(holding, now)


def test_is_called_off_however_often_that_is_asked_for(gateway, events):
    untried, shown = gateway.create(device_id=DEVICE), gateway.shown(device_id=DEVICE)
    assert [kill(gateway), kill(gateway)] == [2, 1]
    assert (gateway.intent(untried).status, gateway.intent(shown).status) == ("cancelled", "requires_action")
    resolve_due_attempts(now=gateway.now)
    assert gateway.intent(shown).status == "cancelled"
    assert kill(gateway) == 0
    for intent in (untried, shown):
        assert events(intent).count("payment_intent_cancelled") == 1


def test_leaves_what_others_have_under_way_alone(gateway):
    others = [gateway.shown(device_id=uuid.uuid4()), gateway.shown()]
    gateway.create(device_id=DEVICE)
    assert kill(gateway) == 1
    resolve_due_attempts(now=gateway.now)
    assert {gateway.intent(each).status for each in others} == {"requires_action"}


def test_is_out_of_another_providers_reach(gateway):
    intent = gateway.create(device_id=DEVICE)
    assert kill(gateway, scope=TenantScope(2)) == 0
    assert gateway.intent(intent).status == "requires_confirmation"


def test_says_in_its_history_who_ended_it(gateway, superuser):
    gateway.create(device_id=DEVICE)
    kill(gateway)
    history = superuser.execute("SELECT to_status, actor FROM pgw.payment_intent_events ORDER BY id")
    assert history.fetchall() == [("requires_confirmation", "smarttab"), ("cancelled", "kill")]


def test_stays_paid_when_the_money_came(gateway):
    paid, just_paid = gateway.shown(device_id=DEVICE), gateway.shown(device_id=DEVICE)
    gateway.pay(paid)
    gateway.probe(paid)
    gateway.pay(just_paid)
    assert kill(gateway) == 1
    resolve_due_attempts(now=gateway.now)
    assert {gateway.intent(each).status for each in (paid, just_paid)} == {"succeeded"}


def test_waits_for_proof_while_its_outcome_is_unknown(gateway, provider):
    provider.on_create.append(answers(TIMEOUT))
    provider.on_probe.append(answers(TIMEOUT))
    intent = gateway.shown(device_id=DEVICE)
    kill(gateway)
    resolve_due_attempts(now=gateway.now)
    assert gateway.intent(intent).status == "processing"
    resolve_due_attempts(now=gateway.later(60))
    assert gateway.intent(intent).status == "cancelled"


def test_is_not_shown_when_the_provider_answers_after_the_kill(gateway, provider):
    def killed_meanwhile(request):
        kill(gateway)
        return provider_answer(request)

    provider_answer = answers(TIMEOUT)
    provider.on_create.append(killed_meanwhile)
    intent = gateway.shown(device_id=DEVICE)
    resolve_due_attempts(now=gateway.later(60))
    assert gateway.intent(intent).status == "cancelled"


def test_lets_held_money_go(card, holding):
    intent = card.shown(device_id=DEVICE, capture_method=CaptureMethod.MANUAL)
    assert card.intent(intent).status == "requires_capture"
    kill(card)
    resolve_due_attempts(now=card.now)
    assert (card.intent(intent).status, len(holding.voided), holding.taken()) == ("cancelled", 1, 0)


def test_keeps_the_part_of_it_that_was_captured(card, holding):
    intent = card.shown(device_id=DEVICE, capture_method=CaptureMethod.MANUAL)
    Captures(card).take(intent, 5000, final=False)
    kill(card)
    resolve_due_attempts(now=card.now)
    found = card.intent(intent)
    assert (found.status, found.captured_minor, found.cancel_requested_at) == ("requires_capture", 5000, None)
    assert holding.taken() == 5000


def test_is_called_off_by_the_next_try_when_one_dies_on_its_way(gateway, monkeypatch):
    intents = [gateway.create(device_id=DEVICE) for _ in range(3)]
    begin, calls = cancellation.begin_cancellation, []

    def die_at_the_second(**arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise SystemError("killed")
        begin(**arguments)

    monkeypatch.setattr(cancellation, "begin_cancellation", die_at_the_second)
    with pytest.raises(SystemError):
        kill(gateway)
    found = [gateway.intent(each).status for each in intents]
    assert found == ["cancelled", "requires_confirmation", "requires_confirmation"]
    assert kill(gateway) == 2
    assert {gateway.intent(each).status for each in intents} == {"cancelled"}
