"""Every provider, when money is taken ..."""

import socket

import pytest

from mpac.pgw.adapters import registry
from mpac.pgw.adapters.port import (
    ActionRequired,
    Approved,
    Declined,
    NotProcessed,
    Pending,
    ProviderAccount,
    Unknown,
    Voided,
)
from mpac.pgw.domain.next_actions import FORMS
from tests.pgw.adapters.contract import LOST, in_hurry, known, known_of, listed, units, ways
from tests.pgw.adapters.kits import KITS

ALL = listed(KITS)
EVERY_WAY = ways(KITS, lambda _kit, _way: True)
ASKED = ways(KITS, lambda kit, _way: kit.capabilities.probe)
AT_ONCE = ways(KITS, lambda _kit, way: way.token is not None)
SHOWN = ways(KITS, lambda _kit, way: way.token is None)


def test_is_held_to_the_contract():
    # `manual` calls nobody, so there is no stand-in: its own tests hold it.
    assert sorted([*KITS, "manual"]) == [adapter.name for adapter in registry.list_adapters()]


@pytest.mark.parametrize(("kit", "way"), SHOWN)
def test_shows_the_customer_what_to_pay(stage, way):
    request = stage.charge(way)
    outcome = stage.adapter.create(request)
    assert isinstance(outcome, ActionRequired)
    assert tuple(outcome.next_action)[1:] == FORMS[outcome.next_action["type"]]
    [charge] = stage.books()
    assert (charge["reference"], charge["amount"], charge["status"]) == (
        request.provider_key,
        units(way.amount, stage.kit),
        "pending",
    )


@pytest.mark.parametrize(("kit", "way"), AT_ONCE)
def test_takes_the_money_at_once(stage, way):
    request = stage.charge(way)
    outcome = stage.adapter.create(request)
    [charge] = stage.books()
    assert isinstance(outcome, Approved)
    [payment] = outcome.payments
    assert (payment.reference, payment.amount) == (charge["provider_reference"], way.amount)
    assert (charge["reference"], charge["status"]) == (request.provider_key, "paid")


@pytest.mark.parametrize(("kit", "way"), EVERY_WAY)
def test_charges_once_however_often_it_is_asked_under_one_key(stage, way):
    request = stage.charge(way)
    first, second = stage.adapter.create(request), stage.adapter.create(request)
    if stage.kit.shows_once:
        assert second == Voided()
    else:
        assert type(first) is type(second)
        assert known_of(first) == known_of(second)
    assert len(stage.books()) == 1


@pytest.mark.parametrize("kit", ALL)
def test_names_no_payment_as_one_before_even_when_its_books_were_emptied(stage):
    first = stage.charged(stage.charge())
    assert stage.running.http.post("/__reset").status_code == 200
    second = stage.charged(stage.charge())
    assert known_of(first) != known_of(second)


@pytest.mark.parametrize(("kit", "way"), ASKED)
def test_finds_the_money_that_was_paid(stage, way):
    for asked in stage.asked(stage.pay(stage.charge(way))):
        outcome = stage.adapter.probe(asked)
        assert isinstance(outcome, Approved)
        [payment] = outcome.payments
        [charge] = stage.paid()
        assert (payment.reference, payment.amount) == (charge["provider_reference"], way.amount)
        assert payment.paid_at is None or abs((payment.paid_at - stage.now).total_seconds()) < 1


@pytest.mark.parametrize(("kit", "way"), SHOWN)
def test_knows_of_no_money_before_the_customer_pays(stage, way):
    request = stage.charge(way)
    shown = stage.adapter.create(request)
    assert stage.adapter.probe(known(request, shown)) == Pending()


@pytest.mark.parametrize(("kit", "way"), ASKED)
def test_knows_of_no_money_for_a_charge_that_was_never_made(stage, way):
    stage.adapter.create(stage.charge(way))
    assert stage.adapter.probe(stage.charge(way)) == Pending()


@pytest.mark.parametrize(("kit", "way"), EVERY_WAY)
def test_tells_that_the_provider_declined(stage, way):
    stage.script("create", "decline")
    outcome = stage.adapter.create(stage.charge(way))
    assert isinstance(outcome, Declined)
    assert outcome.code
    assert stage.paid() == []


@pytest.mark.parametrize(("kit", "way"), AT_ONCE)
def test_tells_that_the_cards_bank_declined(stage, way):
    request = stage.charge(way, payment_token=way.declined_token)
    outcome = stage.adapter.create(request)
    assert isinstance(outcome, Declined)
    assert stage.adapter.create(request) == outcome
    if stage.can.probe:
        assert isinstance(stage.adapter.probe(request), Declined)
    assert stage.paid() == []


@pytest.mark.parametrize(("kit", "way"), AT_ONCE)
def test_sends_no_card_charge_without_a_token(stage, way):
    assert isinstance(stage.adapter.create(stage.charge(way, payment_token=None)), NotProcessed)
    assert stage.books() == []


@pytest.mark.parametrize("behaviour", LOST)
@pytest.mark.parametrize(("kit", "way"), EVERY_WAY)
def test_finds_out_what_became_of_a_charge_whose_answer_was_lost(stage, way, behaviour):
    request = stage.charge(way)
    stage.script("create", behaviour)
    assert isinstance(stage.adapter.create(in_hurry(request, behaviour)), Unknown)
    outcome = stage.learn(request)
    ended = stage.kit.shows_once and behaviour != "hang_before"
    expected, status = (Voided, "voided") if ended else (ActionRequired, "pending")
    assert isinstance(outcome, Approved if way.token else expected)
    [charge] = stage.books()
    assert charge["reference"] == request.provider_key
    assert charge["status"] == ("paid" if way.token else status)


@pytest.mark.parametrize("behaviour", LOST)
@pytest.mark.parametrize(("kit", "way"), ASKED)
def test_learns_nothing_from_a_question_whose_answer_was_lost(stage, way, behaviour):
    request = stage.pay(stage.charge(way))
    stage.script("probe", behaviour)
    assert isinstance(stage.adapter.probe(in_hurry(request, behaviour)), Unknown)
    assert isinstance(stage.adapter.probe(request), Approved)


@pytest.mark.parametrize(("kit", "way"), ASKED)
def test_learns_nothing_from_a_question_that_is_refused(stage, way):
    request = stage.pay(stage.charge(way))
    stage.script("probe", "decline")
    assert isinstance(stage.adapter.probe(request), Unknown)


@pytest.mark.parametrize(("kit", "way"), ASKED)
def test_takes_a_lie_for_no_refusal(stage, way):
    request = stage.pay(stage.charge(way))
    for asked in stage.asked(request):
        stage.script("probe", "lie_pending")
        assert isinstance(stage.adapter.probe(asked), Pending | Unknown | ActionRequired)
    assert isinstance(stage.adapter.probe(request), Approved)


@pytest.mark.parametrize(("kit", "way"), ASKED)
def test_finds_money_that_arrives_late(stage, way):
    stage.running.may_go_on.clear()
    stage.script("create", "late_success")
    request = stage.charge(way)
    outcome = stage.adapter.create(request)
    assert isinstance(outcome, ActionRequired | Unknown | Pending)
    if not way.token:
        [charge] = stage.books()
        assert stage.running.pay(charge["qr_payload"]).json()["status"] == "accepted"
    assert isinstance(stage.adapter.probe(known(request, outcome)), Pending | Unknown)
    stage.running.may_go_on.set()
    stage.settle()
    assert isinstance(stage.found(known(request, outcome)), Approved)
    assert len(stage.paid()) == 1


@pytest.mark.parametrize(("kit", "way"), ASKED)
def test_needs_no_callback_to_know(stage, way):
    stage.script("webhook", "no_webhook", times=2)
    request = stage.pay(stage.charge(way))
    assert stage.deliveries.received == []
    assert isinstance(stage.adapter.probe(request), Approved)


@pytest.mark.parametrize(("kit", "way"), ASKED)
def test_takes_no_money_twice_from_a_provider_that_ignores_the_key(stage, way):
    request = stage.charge(way)
    stage.script("create", "500_after")
    assert isinstance(stage.adapter.create(request), Unknown)
    stage.script("create", "ignores_idempotency", times=9)
    stage.learn(request)
    if not way.token:
        stage.customer_pays(request)
    assert len(stage.paid()) == 1


@pytest.mark.parametrize("kit", ALL)
def test_proves_that_nobody_was_there(stage):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    setattr(stage.settings, stage.kit.setting, f"http://127.0.0.1:{port}")
    assert isinstance(stage.adapter.create(stage.charge()), NotProcessed)
    assert isinstance(stage.adapter.probe(stage.charge()), Unknown)


@pytest.mark.parametrize("kit", ALL)
def test_sends_nothing_to_an_address_that_is_not_set(stage):
    setattr(stage.settings, stage.kit.setting, "")
    assert isinstance(stage.adapter.create(stage.charge()), NotProcessed)
    assert isinstance(stage.adapter.probe(stage.charge()), Unknown)


@pytest.mark.parametrize("spoilt", [{}, {"secret": ""}, {"secret": "line\nbreak"}, {"secret": "ร้าน"}])
@pytest.mark.parametrize("kit", ALL)
def test_sends_nothing_with_credentials_that_cannot_be_right(stage, spoilt):
    credentials = dict.fromkeys(stage.kit.credentials, spoilt["secret"]) if spoilt else {}
    account = ProviderAccount(fields=stage.kit.fields, credentials=credentials)
    request = stage.charge(account=account)
    assert isinstance(stage.adapter.create(request), NotProcessed)
    assert isinstance(stage.adapter.probe(request), Unknown)
    assert stage.books() == []


@pytest.mark.parametrize("kit", ALL)
def test_shows_its_credentials_nowhere(stage, caplog, capsys):
    request = stage.charge()
    said = [repr(request), repr(stage.adapter.create(request)), repr(stage.adapter.probe(request))]
    stage.script("create", "500_after")
    said.append(repr(stage.adapter.create(stage.charge())))
    said += [caplog.text, *capsys.readouterr()]
    secrets = [*stage.kit.credentials.values(), *stage.kit.secrets]
    for secret in filter(None, [*secrets, request.payment_token]):
        assert not any(secret in text for text in said)


COUNTED = [
    pytest.param(kit, amount, counted, id=f"{kit.name}-{amount}")
    for kit in (parameter.values[0] for parameter in ALL)
    for amount, counted in kit.counts
]
INEXACT = [
    pytest.param(kit, amount, id=f"{kit.name}-{amount}")
    for kit in (parameter.values[0] for parameter in ALL)
    for amount in kit.refuses
]


@pytest.mark.parametrize(("kit", "amount", "counted"), COUNTED)
def test_counts_an_amount_as_the_provider_does(stage, amount, counted):
    request = stage.pay(stage.charge(amount=amount))
    [charge] = stage.paid()
    assert (charge["amount"], charge["currency"]) == (counted, amount.currency)
    if stage.can.probe:
        assert stage.adapter.probe(request).payments[0].amount == amount


@pytest.mark.parametrize(("kit", "amount"), INEXACT)
def test_refuses_an_amount_that_the_provider_cannot_express(stage, amount):
    assert isinstance(stage.adapter.create(stage.charge(amount=amount)), NotProcessed)
    assert stage.books() == []


@pytest.mark.parametrize(("kit", "way"), EVERY_WAY)
def test_takes_only_currencies_that_it_declares(stage, way):
    assert stage.can.accepts(method=way.method, currency=way.amount.currency)
    assert not stage.can.accepts(method="crypto", currency=way.amount.currency)
