"""The gateway in the console ..."""

import msgspec
import pytest
from django.test import Client

from kernel import clock, jobs
from kernel.ids import encode, uuid7
from mpac.pgw.models import (
    AttemptEvidence,
    Capture,
    ConsoleEntry,
    DeliveryAttempt,
    Dispute,
    DisputeEvent,
    ExceptionEvent,
    IdempotencyKey,
    InboxEntry,
    LatePayment,
    Nonce,
    PartnerEvent,
    PaymentAttempt,
    PaymentIntent,
    PaymentTransaction,
    ProviderBreaker,
    ProviderReference,
    ReconciliationException,
    RoutingRules,
    StatementFile,
    StatementLine,
    StatementReference,
    Store,
    StoreProviderConfig,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookKey,
)
from tests import consoles
from tests.pgw.conftest import AMOUNT
from tests.pgw.doubles import registered
from tests.pgw.rest.conftest import Caller, mirror
from tests.portal.factories import Tenant, make_api_key, make_tenant

PAGES = consoles.pages_of("pgw")
# The gateway hears no events, and signed calls spend their nonces in sync's schema.
# What a sale by QR at a store without rules leaves empty.
EMPTY = {
    AttemptEvidence,
    ConsoleEntry,
    Dispute,
    DisputeEvent,
    ExceptionEvent,
    ReconciliationException,
    StatementFile,
    StatementLine,
    StatementReference,
    InboxEntry,
    Nonce,
    Capture,
    DeliveryAttempt,
    PartnerEvent,
    ProviderBreaker,
    RoutingRules,
    WebhookDelivery,
    WebhookEndpoint,
}


@pytest.fixture
def provider(database):
    with registered() as adapter:
        yield adapter


@pytest.fixture
def tenant(provider, now) -> Tenant:
    made = make_tenant()
    mirror(made, now)
    return made


def sell(tenant: Tenant, provider) -> str:
    """A sale that was paid twice by its customer, with both notices; returns the intent's id."""
    caller = Caller(Client(), make_api_key(tenant.psp), tenant)
    intent = caller.created(confirm=True, reference="ORDER-1", metadata={"table": "7"})
    key = provider.created[-1].provider_key
    for _ in range(2):
        body = provider.notice(key, provider.pay(key, AMOUNT))
        sent = Client().generic("POST", "/v1/webhooks/fake", body, content_type="application/json")
        assert sent.status_code == 200
    return intent["id"]


@pytest.fixture
def sold(tenant, provider, now) -> str:
    jobs.run_slot("pgw.expire_intents", now=now)
    return sell(tenant, provider)


def test_has_a_page_for_every_table():
    assert consoles.tables_of("pgw") == PAGES


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model.__name__)
def test_shows_every_table_and_lets_nobody_write(tenant, sold, model):
    operator = consoles.operator()
    consoles.look_through(operator, model)
    shown = consoles.rows_in(consoles.read(operator, consoles.change_list(model)), model)
    assert bool(shown) is (model not in EMPTY)


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model.__name__)
def test_asks_as_often_for_many_rows_as_for_few(tenant, provider, sold, model):
    operator = consoles.operator()
    few = consoles.count_queries(operator, model)
    for _ in range(3):
        other = make_tenant()
        mirror(other, clock.now())
        sell(other, provider)
    assert consoles.count_queries(operator, model) <= few


def test_shows_money_and_states_in_words(tenant, sold):
    operator = consoles.operator()
    page = consoles.read(operator, consoles.change_list(PaymentIntent))
    assert "125.50 THB" in page
    assert "succeeded" in page
    assert sold in page
    late = consoles.read(operator, consoles.change_list(LatePayment))
    assert "125.50 THB" in late
    assert "return due" in late or "received" in late


def test_shows_no_secret(tenant, provider, sold, superuser):
    operator = consoles.operator()
    everything = "".join(consoles.look_through(operator, model) for model in PAGES)
    [(sealed,)] = superuser.execute("SELECT api_key_encrypted FROM pgw.store_provider_configs").fetchall()
    bodies = superuser.execute("SELECT body FROM pgw.webhook_events").fetchall()
    assert sealed not in everything
    assert "_secret_" not in everything
    assert "Bearer" not in everything
    for (body,) in bodies:
        assert msgspec.json.decode(bytes(body))["key"] in everything


def test_keeps_staff_within_their_own_tenant(tenant, provider, sold, now):
    other = make_tenant()
    mirror(other, now)
    foreign = sell(other, provider)
    staff = consoles.staff_of(tenant.psp.id)
    page = consoles.read(staff, consoles.change_list(PaymentIntent))
    assert sold in page
    assert foreign not in page
    operator = consoles.operator()
    tables = {
        LatePayment: 1, PaymentAttempt: 1, PaymentIntent: 1, PaymentTransaction: None, ProviderReference: None,
        Store: 1, StoreProviderConfig: 1, WebhookEvent: 2, WebhookKey: 2,
    }  # fmt: skip
    for model, count in tables.items():
        own = consoles.rows_in(consoles.read(staff, consoles.change_list(model)), model)
        everybodys = consoles.rows_in(consoles.read(operator, consoles.change_list(model)), model)
        assert count is None or len(own) == count, model
        hidden = set(everybodys) - set(own)
        assert hidden, model
        for row in hidden:
            assert staff.get(row).status_code == 302, row


def test_hides_what_belongs_to_nobody_from_staff(tenant, provider, sold):
    body = provider.notice("UNKNOWN", "R9")
    Client().generic("POST", "/v1/webhooks/fake", body, content_type="application/json")
    staff, operator = consoles.staff_of(tenant.psp.id), consoles.operator()
    assert "UNKNOWN" in consoles.read(operator, consoles.change_list(WebhookKey))
    assert "UNKNOWN" not in consoles.read(staff, consoles.change_list(WebhookKey))
    assert staff.get(consoles.change_list(IdempotencyKey)).status_code == 403


def test_finds_rows_by_what_people_copy(tenant, provider, sold):
    operator = consoles.operator()
    wanted = {
        (PaymentIntent, sold): sold,
        (PaymentIntent, "ORDER-1"): sold,
        (PaymentAttempt, sold): provider.created[0].provider_key,
        (PaymentAttempt, provider.created[0].provider_key): provider.created[0].provider_key,
        (ProviderReference, "BANK000001"): "BANK000001",
        (WebhookKey, "BANK000001"): "BANK000001",
        (Store, str(tenant.store.id)): str(tenant.store.id),
    }
    for (model, text), found in wanted.items():
        page = consoles.read(operator, consoles.change_list(model, q=text))
        assert len(consoles.rows_in(page, model)) == 1, (model, text)
        assert found in page
    nothing = encode("pi", uuid7())
    page = consoles.read(operator, consoles.change_list(PaymentIntent, q=nothing))
    assert consoles.rows_in(page, PaymentIntent) == []
