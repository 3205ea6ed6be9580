"""A shop with a terminal, and a gateway that does what the test tells it."""

import dataclasses
import datetime as dt
import uuid
from typing import Any

import msgspec
import pytest

from kernel import clock, ids
from kernel.tenancy import SystemScope, TenantScope
from mpac.pgw.api import PaymentIntentDTO
from mpac.portal.dto import Profile
from mpac.portal.services import hierarchy, tokens
from mpac.portal.services.trust import trust_reader
from mpac.portal.services.verification import token_verifier
from mpac.smarttab import handlers
from mpac.smarttab.domain.drafts import OrderDraft
from mpac.smarttab.domain.states import Channel, PaymentMethod
from mpac.smarttab.domain.totals import Line
from mpac.smarttab.dto import Caller
from mpac.smarttab.selectors import stores
from mpac.smarttab.services import bills, gateway_payments, orders, payments
from mpac.smarttab.services.payments import Tender

SEED = SystemScope("seed")


@dataclasses.dataclass(frozen=True)
class Shop:
    psp_id: int
    merchant_id: int
    store_id: int

    @property
    def tenant(self) -> TenantScope:
        return TenantScope(self.psp_id, self.merchant_id)

    def caller(self, device_id: uuid.UUID | None = None) -> Caller:
        scope = TenantScope(self.psp_id, self.merchant_id, (self.store_id,))
        return Caller(scope=scope, actor="device:test", device_id=device_id or ids.uuid7(), livemode=False)


def open_shop(code: str, *, time_zone: str = "Asia/Bangkok", details: dict[str, Any] | None = None) -> Shop:
    now = clock.now()
    profile = Profile(code=code, name=code.title(), country="TH", currency="THB", time_zone=time_zone)
    psp = hierarchy.create_psp(scope=SEED, profile=profile, now=now)
    merchant = hierarchy.create_merchant(scope=SEED, psp_id=psp.id, profile=profile, now=now)
    store = hierarchy.create_store(
        scope=SEED,
        merchant_id=merchant.id,
        profile=dataclasses.replace(profile, details=details or {}),
        now=now,
    )
    return Shop(psp.id, merchant.id, store.id)


@pytest.fixture
def shop(database) -> Shop:
    stores.forget_calendars()
    return open_shop("GREEN")


@pytest.fixture
def other_shop(shop) -> Shop:
    return open_shop("BLUE")


@pytest.fixture
def now() -> dt.datetime:
    return clock.now()


@pytest.fixture
def caller(shop) -> Caller:
    return shop.caller()


def draft(*prices: int, **more: Any) -> OrderDraft:
    lines = tuple(Line(name=f"Dish {n}", unit_price_minor=price) for n, price in enumerate(prices, start=1))
    return OrderDraft(**{"currency": "THB", "channel": Channel.TAKE_AWAY, "lines": lines} | more)


class FakeGateway:
    """Stands in for the payment gateway's api: keeps intents by key and answers as it is told."""

    def __init__(self) -> None:
        self.intents: dict[str, PaymentIntentDTO] = {}
        self.calls: list[tuple[str, str]] = []
        self.confirmed = "requires_action"
        self.cancelled = "cancelled"
        self.create_error: Exception | None = None
        self.confirm_error: Exception | None = None

    PaymentIntentDTO = PaymentIntentDTO

    def create_payment_intent(
        self, *, idempotency_key, amount, method, provider, source, reference, now, **_
    ):
        self.calls.append(("create", idempotency_key))
        if self.create_error:
            raise self.create_error
        return self.intents.setdefault(
            idempotency_key,
            PaymentIntentDTO(
                id=ids.encode("pi", ids.uuid7()),
                status="requires_confirmation",
                amount_minor=amount.amount_minor,
                currency=amount.currency,
                method=method,
                provider=provider,
                next_action=None,
                last_error=None,
                expires_at=now + dt.timedelta(minutes=10),
                source=source,
                reference=reference,
            ),
        )

    def confirm_payment_intent(self, *, scope, intent_id, now):
        self.calls.append(("confirm", intent_id))
        if self.confirm_error:
            raise self.confirm_error
        intent = self.get_payment_intent(scope=scope, intent_id=intent_id)
        if intent.status != "requires_confirmation":
            return intent
        shown = {"type": "display_qr", "qr_payload": "000201", "expires_at": clock.rfc3339(intent.expires_at)}
        return self.change(
            intent_id,
            status=self.confirmed,
            next_action=shown if self.confirmed == "requires_action" else None,
        )

    def cancel_payment_intent(self, *, scope, intent_id, now):
        self.calls.append(("cancel", intent_id))
        return self.change(intent_id, status=self.cancelled)

    def get_payment_intent(self, *, scope, intent_id):
        return next(intent for intent in self.intents.values() if intent.id == intent_id)

    def accept_late_payment(self, *, scope, intent_id, now):
        self.calls.append(("accept", intent_id))

    def return_late_payment(self, *, scope, intent_id, reason, now):
        self.calls.append(("return", intent_id))

    def change(self, intent_id, **changes):
        for key, intent in self.intents.items():
            if intent.id == intent_id:
                self.intents[key] = dataclasses.replace(intent, **changes)
                return self.intents[key]
        raise LookupError(intent_id)


@pytest.fixture
def gateway(monkeypatch) -> FakeGateway:
    fake = FakeGateway()
    monkeypatch.setattr(gateway_payments, "pgw", fake)
    monkeypatch.setattr(handlers, "pgw", fake)
    return fake


def open_bill(caller, *prices, now):
    order = orders.create_order(caller=caller, draft=draft(*prices), idempotency_key=None, now=now)
    return bills.create_bill(caller=caller, order_id=order.id, idempotency_key=None, now=now)[1]


def pay_cash(caller, bill, amount, *, tendered=None, key=None, now):
    tender = Tender(method=PaymentMethod.CASH, amount_minor=amount, tendered_minor=tendered)
    return payments.take_cash_payment(
        caller=caller, bill_id=bill.id, tender=tender, idempotency_key=key, now=now
    )


def start_qr(caller, bill, amount, *, key=None, now):
    tender = Tender(method=PaymentMethod.QR_CODE, amount_minor=amount)
    return payments.start_gateway_payment(
        caller=caller, bill_id=bill.id, tender=tender, idempotency_key=key, now=now
    )


class Till:
    """A terminal that speaks HTTP with a token of its own."""

    def __init__(self, http, shop: Shop, device_id: uuid.UUID | None = None) -> None:
        self.http = http
        self.shop = shop
        self.device_id = device_id or ids.uuid7()
        self.token = device_token(shop, self.device_id)

    def call(self, method, path, body=None, *, key=None, **headers):
        if method == "POST":
            headers.setdefault("idempotency-key", key or uuid.uuid4().hex)
        return self.http.generic(
            method,
            path,
            b"" if body is None else msgspec.json.encode(body),
            content_type="application/json",
            headers={"authorization": f"Bearer {self.token}"} | headers,
        )

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body=None, **more):
        return self.call("POST", path, body, **more)

    def made(self, path, body=None, **more):
        answer = self.post(path, body, **more)
        assert answer.status_code == 201, answer.content
        return answer.json()


def device_token(shop: Shop, device_id: uuid.UUID, *, issued_at: dt.datetime | None = None) -> str:
    client = tokens.Client(device_id, shop.psp_id, shop.merchant_id, shop.store_id, livemode=False)
    return tokens.issue_device_token(client, now=issued_at or clock.now())


@pytest.fixture
def till(api, shop) -> Till:
    trust_reader.forget()
    token_verifier.forget()
    return Till(api, shop)
