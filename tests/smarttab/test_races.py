"""Cashiers, guests, a moody bank and the platform's own processes at the same bills at once, on the real gateway.

Nobody waits for anybody, every choice is a throw of dice and time flies. When they are done and the bank is itself again,
every sum of money that it booked is on a paid payment or on its way back, and no promise is broken.
"""

import datetime as dt
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from django.db import connections

from config.invariants import all_invariants
from kernel import clock, ids
from kernel.errors import DomainError
from kernel.money import Money
from kernel.relay import deliver_due
from mpac.pgw.adapters import registry
from mpac.pgw.adapters.port import Declined, NotProcessed, Unknown
from mpac.pgw.db import db as pgw_db
from mpac.pgw.services.expiry import expire_untried
from mpac.pgw.services.inbound import Delivery, receive_webhook, retry_webhooks
from mpac.pgw.services.mirroring import apply_merchant_snapshot
from mpac.pgw.services.resolution import resolve_due_attempts
from mpac.smarttab.db import atomic, db
from mpac.smarttab.models import Bill, Payment
from mpac.smarttab.services import bills, gateway_payments, orders
from tests.pgw.conftest import snapshot
from tests.pgw.doubles import FakeAdapter, answers, show_qr
from tests.smarttab.conftest import open_bill, pay_cash, start_qr

CASHIERS, CASHIERS_TURNS = 5, 40
TIMEOUT = answers(Unknown(code="timeout", message=""))
MOODS = [show_qr] * 14 + [
    TIMEOUT,
    TIMEOUT,
    answers(NotProcessed(code="no", message="")),
    answers(Declined(code="no", message="")),
]
# One row a movement of money that the gateway knows: does it pay its intent, and is that what the till believes?
KNOWN = """
    SELECT r.reference, a.provider_reference = r.reference AND i.status = 'succeeded', l.status, i.reference
    FROM pgw.provider_references r
    JOIN pgw.payment_attempts a ON a.id = r.attempt_id JOIN pgw.payment_intents i ON i.id = a.intent_id
    LEFT JOIN pgw.late_payments l ON l.provider_reference = r.reference
"""
# A second payment of a QR that is paid already is learned from the bank's notice alone, and that may be lost.
PAID_ONCE = "SELECT provider_key FROM pgw.payment_attempts WHERE status = 'captured'"


class MoodyBank(FakeAdapter):
    """Shows QRs most of the time, else breaks down in every way; its books are always right."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self.dice, self.is_calm = dice, False

    def create(self, request):
        self.on_create.append(show_qr if self.is_calm else self.dice.choice(MOODS))
        return super().create(request)

    def probe(self, request):
        lost = not self.is_calm and self.dice.random() < 0.3
        return TIMEOUT(request) if lost else super().probe(request)


class Rush:
    """Everybody at once, on a clock that runs ahead with every look at it."""

    def __init__(self, shop, dice: random.Random) -> None:
        self.caller, self.bank = shop.caller(), MoodyBank(dice)
        self.at, self.errors, self.closing = clock.now(), Counter(), threading.Event()
        self.bills = [open_bill(self.caller, 100, 200, now=self.at) for _ in range(4)]

    def now(self) -> dt.datetime:
        self.at += dt.timedelta(seconds=1)
        return self.at

    def cashier(self, dice: random.Random) -> None:
        place = dice.randrange(len(self.bills))
        bill, now = self.bills[place], self.now()
        todo: list[Callable[[], object]] = [
            lambda: pay_cash(self.caller, bill, dice.choice([300, 50]), now=now),
            lambda: bills.void_bill(caller=self.caller, bill_id=bill.id, now=now),
            lambda: orders.cancel_order(caller=self.caller, order_id=bill.order_id, now=now),
            lambda: self.bills.__setitem__(place, open_bill(self.caller, 100, 200, now=now)),
            *[lambda: self.take_qr(bill, dice, now)] * 6,
            *[lambda: self.call_off(dice, now)] * 3,
        ]
        dice.choice(todo)()

    def take_qr(self, bill: Bill, dice: random.Random, now: dt.datetime) -> None:
        payment = start_qr(self.caller, bill, dice.choice([300, 100, 50]), now=now)
        if dice.random() < 0.9:  # else the process dies here
            gateway_payments.finish_gateway_payment(
                scope=self.caller.scope, payment_id=payment.id, now=self.now()
            )

    def call_off(self, dice: random.Random, now: dt.datetime) -> None:
        with atomic(self.caller.scope):
            waiting = list(Payment.objects.filter(status="processing").values_list("id", flat=True))
        if waiting:
            payment_id = dice.choice(waiting)
            gateway_payments.request_cancellation(caller=self.caller, payment_id=payment_id, now=now)
            gateway_payments.finish_cancellation(
                scope=self.caller.scope, payment_id=payment_id, now=self.now()
            )

    def guest(self, dice: random.Random) -> None:
        """Pays a QR of the last ones shown, also one that was paid or called off; sometimes the wrong sum."""
        shown = self.bank.created[-6:]
        if not shown or dice.random() < 0.6:
            return
        charge = dice.choice(shown)
        amount = charge.amount if dice.random() < 0.9 else Money(7, "THB")
        reference = self.bank.pay(charge.provider_key, amount)
        if dice.random() < 0.7:
            notice = self.bank.notice(charge.provider_key, reference)
            receive_webhook(delivery=Delivery(provider="fake", headers={}, body=notice), now=self.now())

    def relay(self, dice: random.Random) -> None:
        for each in (pgw_db, db):
            deliver_due(each, now=self.now())

    def jobs(self, dice: random.Random) -> None:
        now = self.now()
        resolve_due_attempts(now=now)
        expire_untried(now=now)
        retry_webhooks(now=now)
        gateway_payments.resume_payments(older_than=now - dt.timedelta(seconds=20), now=now)

    def work(self, role, dice: random.Random, turns: Iterable[object]) -> None:
        for _ in turns:
            try:
                role(dice)
            except DomainError:
                pass  # a refusal is an answer
            except Exception as error:  # noqa: BLE001  (the test shows what there was)
                self.errors[repr(error)] += 1
        connections.close_all()

    def run(self, seed: int) -> None:
        """Until the cashiers have done their turns."""
        others = [self.guest, self.guest, self.relay, self.relay, self.jobs, self.jobs]
        roles = [(self.cashier, range(CASHIERS_TURNS))] * CASHIERS
        roles += [(role, iter(self.closing.is_set, True)) for role in others]
        threads = [
            threading.Thread(target=self.work, args=(role, random.Random(seed * 100 + number), turns))
            for number, (role, turns) in enumerate(roles)
        ]
        for thread in threads:
            thread.start()
        for thread in threads[:CASHIERS]:
            thread.join()
        self.closing.set()
        for thread in threads[CASHIERS:]:
            thread.join()

    def settle(self) -> None:
        """Two hours later, with a bank that answers."""
        self.bank.is_calm = True
        for _ in range(60):
            self.at += dt.timedelta(minutes=2)
            self.jobs(random.Random())
            while sum(deliver_due(each, now=self.at) for each in (pgw_db, db)):
                pass


@pytest.fixture(params=[1, 2])
def rush(shop, request):
    found = Rush(shop, random.Random(request.param))
    registry.register(found.bank)
    where = {"psp_id": shop.psp_id, "merchant_id": shop.merchant_id, "store_id": shop.store_id}
    apply_merchant_snapshot(snapshot(**where), now=found.at)
    found.run(request.param)
    found.settle()
    yield found
    registry._adapters.pop("fake")


def test_whatever_happens_at_once_no_money_is_lost_taken_twice_or_forgotten(rush, superuser):
    assert rush.errors == {}
    broken = {f"{each.code} {each.name}": each.offending() for each in all_invariants() if each.code != "I11"}
    assert {name: rows for name, rows in broken.items() if rows} == {}
    assert superuser.execute(
        "SELECT count(*) FROM smarttab.payments WHERE status = 'processing'"
    ).fetchone() == (0,)

    paid, sent_back = set(), set()
    for reference, pays, late, payment_id in superuser.execute(KNOWN).fetchall():
        assert pays != (late == "return_due"), reference
        (paid.add(payment_id) if pays else sent_back.add(reference))
    with atomic(rush.caller.scope):
        completed = Payment.objects.filter(status="completed").exclude(method="cash")
        assert {ids.encode("pay", payment.id) for payment in completed} == paid
    assert paid
    assert sent_back

    known = {reference for (reference, *_) in superuser.execute(KNOWN).fetchall()}
    captured = {key for (key,) in superuser.execute(PAID_ONCE).fetchall()}
    assert {
        key
        for key, payments in rush.bank.payments.items()
        if any(payment.reference not in known for payment in payments)
    } <= captured
