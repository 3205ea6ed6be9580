"""Nobody waits for another tenant's ..."""

import datetime as dt
import threading
import time
import uuid

import pytest
from django.db import connections

from kernel import clock
from kernel.tenancy import SystemScope, TenantScope
from mpac.pgw import conf
from mpac.pgw.adapters.port import Pending, Unknown
from mpac.pgw.db import atomic, db
from mpac.pgw.models import PaymentAttempt, PaymentIntent, WebhookKey
from mpac.pgw.services.confirmation import confirm_intent
from mpac.pgw.services.creation import create_intent
from mpac.pgw.services.expiry import expire_untried
from mpac.pgw.services.fairness import Claim, Share, Waiting
from mpac.pgw.services.inbound import retry_webhooks
from mpac.pgw.services.resolution import WAITING, resolve_due_attempts
from tests.pgw.conftest import OTHER_SCOPE
from tests.pgw.doubles import answers
from tests.pgw.partners import Sent, endpoint, fill, send

SYSTEM = SystemScope("resolver")
QUEUE = 1000
TIMEOUT = answers(Unknown(code="timeout", message=""))
# A tenant's row as often as it takes, each due a little later, all of them before anybody else's.
COPIES = """
    INSERT INTO pgw.{table} SELECT (jsonb_populate_record(row, jsonb_build_object('id', gen_random_uuid(), {unique}))).*
    FROM (SELECT t AS row FROM pgw.{table} t WHERE id = %s) AS first, generate_series(1, %s) AS number
"""


@pytest.fixture
def flood(superuser):
    """Copies a row a thousand times."""

    def copy(table: str, key: uuid.UUID, unique: str) -> None:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(COPIES.format(table=table, unique=unique), [key, QUEUE])
        superuser.execute(f"ANALYZE pgw.{table}")

    return copy


def others_intent(gateway, now: dt.datetime) -> PaymentIntent:
    """An intent of the second provider's store, whose code is on a screen."""
    wanted = gateway.wanted(merchant_id=22, store_id=222)
    intent = create_intent(scope=OTHER_SCOPE, wanted=wanted, now=now)
    return confirm_intent(scope=OTHER_SCOPE, intent_id=intent.pk, now=now)


def attempt_of(intent: PaymentIntent) -> PaymentAttempt:
    with atomic(SYSTEM):
        found: PaymentAttempt = PaymentAttempt.objects.get(intent_id=intent.pk)
    return found


@pytest.fixture
def crowded(gateway, provider, flood):
    """A thousand unknown charges of the first provider, and after them one of the second."""
    provider.on_create += [TIMEOUT] * 2
    first = attempt_of(gateway.shown())
    ago = "'next_probe_at', (row).next_probe_at - interval '1 h'"
    flood(
        "payment_attempts",
        first.pk,
        f"'intent_id', gen_random_uuid(), 'provider_key', 'copy' || number, {ago}",
    )
    return others_intent(gateway, gateway.now)


def test_charges_however_many_are_unknown(gateway, crowded):
    share = Share(per_merchant=4, per_psp=8)
    claimed = WAITING.claim(SYSTEM, room=16, share=share, under_way=(), now=gateway.later(10))
    assert [each.psp_id for each in claimed[:2]] == [1, 2]
    assert sorted(each.psp_id for each in claimed) == [1] * 4 + [2]
    again = WAITING.claim(SYSTEM, room=16, share=share, under_way=claimed, now=gateway.later(10))
    assert again == []


def test_bank_to_answer(gateway, provider, monkeypatch):
    """All that the first provider asks hangs; the second one's charge is settled meanwhile, and also towards the end."""
    provider.on_create += [TIMEOUT] * 12
    ours = {gateway.attempt(gateway.shown()).provider_key for _ in range(12)}
    released = threading.Event()

    def hang(request):
        if request.provider_key in ours:
            released.wait(30)
        return Pending()

    monkeypatch.setattr(provider, "tell", hang)
    resolver = threading.Thread(
        target=in_own_connection, args=(lambda: resolve_due_attempts(now=gateway.later(10)),)
    )
    resolver.start()
    try:
        until(lambda: len(provider.probed) == conf.PROBES_PER_MERCHANT)
        monkeypatch.setattr(conf, "CLAIM_WINDOW_S", 0)
        provider.on_create.append(TIMEOUT)
        theirs = others_intent(gateway, gateway.now)
        until(lambda: attempt_of(theirs).status == "requires_action")
        assert len(provider.probed) == conf.PROBES_PER_MERCHANT + 1
        monkeypatch.setattr(conf, "LAST_CLAIM_S", 0)
    finally:
        released.set()
        resolver.join()


def test_share_of_what_is_under_way(gateway, provider, mirrored):
    """Merchants of one provider share what it may have under way, and each has a part of that."""
    waiting = Waiting(table="payment_attempts", due_at="next_probe_at")
    provider.on_create += [TIMEOUT] * 6
    for _ in range(6):
        gateway.shown()
    busy = [Claim(uuid.uuid4(), 1, 11), Claim(uuid.uuid4(), 1, 12), Claim(uuid.uuid4(), 1, 12)]

    def claimed(per_merchant, per_psp):
        share = Share(per_merchant=per_merchant, per_psp=per_psp)
        found = waiting.claim(SYSTEM, room=16, share=share, under_way=busy, now=gateway.later(10))
        with atomic(SYSTEM):
            db.execute("UPDATE payment_attempts SET next_probe_at = %s", [gateway.now])
        return len(found)

    assert (claimed(1, 9), claimed(3, 9), claimed(9, 4), claimed(9, 3), claimed(9, 99)) == (0, 2, 1, 0, 6)


def test_notices(gateway, provider, flood):
    """A thousand notices about nothing that we know stand before the one that is about a payment."""
    from_nowhere = WebhookKey(
        provider="fake", dedupe_key="x", provider_key="none", provider_reference="R", status="parked",
        next_try_at=gateway.now - dt.timedelta(hours=1),
    )  # fmt: skip
    mine = gateway.shown()
    about = WebhookKey(
        provider="fake", dedupe_key="y", provider_key=gateway.attempt(mine).provider_key, status="pending",
        provider_reference=gateway.pay(mine), psp_id=1, merchant_id=11, next_try_at=gateway.now,
    )  # fmt: skip
    with atomic(SystemScope("webhooks")):
        from_nowhere.save(force_insert=True)
        about.save(force_insert=True)
    flood("webhook_keys", from_nowhere.pk, "'dedupe_key', 'copy' || number")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(conf, "CLAIM_WINDOW_S", 0.01)
        assert retry_webhooks(now=gateway.now) == conf.NOTICE_BATCH
    assert gateway.intent(mine).status == "succeeded"


def test_overdue_intents(gateway, flood):
    mine = gateway.create()
    flood("payment_intents", mine.pk, "'idempotency_key', 'copy' || number")
    theirs = create_intent(
        scope=OTHER_SCOPE,
        wanted=gateway.wanted(merchant_id=22, store_id=222),
        now=gateway.later(1),
    )
    expire_untried(now=theirs.expires_at)
    with atomic(OTHER_SCOPE):
        assert PaymentIntent.objects.get(pk=theirs.pk).status == "expired"


class Slow:
    """Endpoints that do not answer until they are let go."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def __call__(self, _call) -> int:
        self.released.wait(30)
        return 204


def test_endpoints_to_answer(gateway, mirrored, monkeypatch):
    """A partner whose sixteen endpoints hang, each with a long queue, holds up no other partner, not even at the end."""
    now, sent, slow = clock.now() + dt.timedelta(minutes=5), Sent(), Slow()
    hanging = [endpoint(now=now, url=f"https://hang{n}.example.com/") for n in range(conf.MAX_ENDPOINTS)]
    sent.by_url = {each.endpoint.url: slow for each in hanging}
    fill(20, hanging, now=now)
    sender = threading.Thread(target=in_own_connection, args=(lambda: send(sent, now=now),))
    sender.start()
    try:
        until(lambda: len(sent.calls) == conf.SENDS_PER_PARTNER)
        monkeypatch.setattr(conf, "CLAIM_WINDOW_S", 0)
        other = endpoint(now=now, scope=TenantScope(2), url="https://other.example.com/")
        fill(3, [other], now=now, psp_id=2, merchant_id=22, store_id=222)
        until(lambda: [call.url for call in sent.calls].count(other.endpoint.url) == 3)
        assert len(sent.calls) == conf.SENDS_PER_PARTNER + 3
        monkeypatch.setattr(conf, "LAST_CLAIM_S", 0)
    finally:
        slow.released.set()
        sender.join()


def until(reached) -> None:
    """Wait for something that another thread does."""
    pause, deadline = threading.Event(), time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline
        pause.wait(0.02)


def in_own_connection(function) -> None:
    try:
        function()
    finally:
        connections.close_all()
