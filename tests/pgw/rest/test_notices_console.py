"""Providers' notices in the console ..."""

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from kernel import clock, jobs
from kernel.admin import raw
from mpac.pgw.db import atomic
from mpac.pgw.models import (
    ConsoleEntry,
    PaymentAttempt,
    PaymentIntent,
    ProviderReference,
    WebhookEvent,
    WebhookKey,
)
from mpac.pgw.services.inbound import SCOPE
from mpac.portal.db import db as portal
from mpac.portal.domain.roles import Role
from mpac.portal.models import User
from mpac.portal.services.people import grant_role
from tests import consoles
from tests.pgw.conftest import AMOUNT
from tests.pgw.doubles import TIMEOUT, answers, registered
from tests.portal.factories import SEED
from tests.portal.test_admin import make_person, sign_in

CARD = "4242424242424242"


@pytest.fixture
def provider(database):
    with registered() as adapter:
        yield adapter


def send(body, **headers):
    answer = Client().generic(
        "POST", "/v1/webhooks/fake", body, content_type="application/json", headers=headers
    )
    assert answer.status_code == 200


@pytest.fixture
def paid(partner, provider):
    """A sale whose notice was applied."""
    partner.created(confirm=True)
    key = provider.created[-1].provider_key
    send(provider.notice(key, provider.pay(key, AMOUNT)), authorization="Bearer abcdefghijklmnop")
    return the(WebhookKey)


@pytest.fixture
def parked(partner, provider):
    """A notice about an attempt that nobody knew when it came, and that there is now."""
    body = provider.notice("STRANGE", "R9")
    send(body)
    return the(WebhookKey)


def the(model):
    with atomic(SCOPE):
        return model.objects.order_by("pk").last()


def url(row, what="change"):
    return reverse(f"admin:pgw_{row._meta.model_name}_{what}", args=[row.pk])


def range_url():
    return reverse("admin:pgw_webhookkey_replay-range")


def person(role, **levels):
    return sign_in(*make_person(role, **levels))[0]


def around(**changes):
    now = clock.now()
    values = {"since": now - dt.timedelta(hours=1), "until": now + dt.timedelta(hours=1), "provider": ""}
    return {
        **{
            name: f"{value:%Y-%m-%d %H:%M:%S}" if name != "provider" else value
            for name, value in values.items()
        },
        "statuses": ["parked"],
        **changes,
    }


def test_are_read_as_they_came_without_secrets(paid):
    operator = consoles.operator()
    for row in (paid, the(WebhookEvent)):
        page = consoles.read(operator, url(row))
        assert f"&quot;key&quot;:&quot;{paid.provider_key}&quot;" in page
        assert f"&quot;key&quot;: &quot;{paid.provider_key}&quot;" in page
        assert "Content-Type" in page
        assert "abcdefghijklmnop" not in page
        assert "bytes, shown as UTF-8" in page


def test_are_read_by_those_who_may_alone(partner, paid):
    levels = {"psp_id": partner.tenant.psp.id, "merchant_id": partner.tenant.merchant.id}
    page = consoles.read(person(Role.MERCHANT_ADMIN, **levels), url(paid))
    assert "Bytes as they came" not in page
    assert "Deliveries" in page
    assert "Bytes as they came" in consoles.read(person(Role.AUDITOR, **levels), url(paid))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"card":"4242424242424242"}', "[card]"),
        (b'{"client_secret":"abcdefgh"}', "[redacted]"),
        ("ชำระเงิน".encode(), "ชำระเงิน"),
        (b"\xff\xfe\x00A", "00000000  ff fe 00 41"),
        (b"a\x00b", "61 00 62"),
        (b"\xff" + CARD.encode(), "5b 63 61 72 64 5d"),
        (b"", ""),
    ],
)
def test_are_shown_whatever_their_bytes_are(body, expected):
    text, note = raw.shown(body)
    assert expected in text
    assert CARD not in text
    assert bytes(CARD, "ascii").hex(" ")[:20] not in text
    assert f"{len(body):,} bytes" in note


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"b":1,"a":{"client_secret":"x1"}}',
            '{\n  "b": 1,\n  "a": {\n    "client_secret": "[redacted]"\n  }\n}',
        ),
        (b"key=1&token=abc", '{\n  "key": "1",\n  "token": "[redacted]"\n}'),
        (b"\xff", ""),
        (b"plain", ""),
        (b"[" * 100_000, ""),
    ],
)
def test_are_read_where_they_can_be(body, expected):
    assert raw.read(body) == expected


def test_are_applied_again_and_count_once(partner, paid, provider):
    operator = consoles.operator()
    assert "does not count twice" in consoles.read(operator, url(paid, "replay"))
    for _ in range(2):
        said = operator.post(url(paid, "replay"), follow=True).content.decode()
        assert "The notice is applied." in said
    with atomic(partner.scope):
        assert ProviderReference.objects.count() == 1
        assert PaymentIntent.objects.get().captured_minor == AMOUNT.amount_minor
    assert (the(WebhookKey).status, the(WebhookKey).next_try_at) == ("applied", None)
    assert len(provider.probed) == 3


def test_that_cannot_be_applied_again_stay_applied_and_are_tried_later(paid, provider):
    provider.on_probe.append(answers(TIMEOUT))
    said = consoles.operator().post(url(paid, "replay"), follow=True).content.decode()
    assert "could not be applied yet" in said
    assert the(WebhookKey).status == "applied"
    due = the(WebhookKey).next_try_at
    assert due > clock.now()
    jobs.run_slot("pgw.retry_webhooks", now=due)
    assert (the(WebhookKey).status, the(WebhookKey).next_try_at) == ("applied", None)


def test_about_nothing_known_are_applied_when_it_is_known(partner, parked, provider, superuser):
    assert parked.status == "parked"
    partner.created(confirm=True)
    with atomic(partner.scope):
        attempt = PaymentAttempt.objects.get()
    superuser.execute("UPDATE pgw.webhook_keys SET provider_key = %s, tries = 99", [attempt.provider_key])
    provider.pay(attempt.provider_key, AMOUNT, reference="R9")
    staff = person(Role.PSP_ADMIN, psp_id=partner.tenant.psp.id)
    assert staff.post(url(parked, "replay")).status_code in {403, 404}
    assert "is applied" in consoles.operator().post(url(parked, "replay"), follow=True).content.decode()
    key = the(WebhookKey)
    assert (key.status, key.psp_id, key.merchant_id) == (
        "applied",
        partner.tenant.psp.id,
        partner.tenant.merchant.id,
    )
    assert staff.get(url(parked)).status_code == 200


def test_of_a_range_are_applied_again_by_the_job(parked, superuser):
    superuser.execute("UPDATE pgw.webhook_keys SET next_try_at = NULL, tries = 10")
    operator = consoles.operator()
    assert (
        "within seconds: 0."
        in operator.post(range_url(), around(provider="scb"), follow=True).content.decode()
    )
    assert the(WebhookKey).next_try_at is None
    assert "within seconds: 1." in operator.post(range_url(), around(), follow=True).content.decode()
    key = the(WebhookKey)
    assert (key.status, key.tries) == ("parked", 0)
    assert key.next_try_at is not None
    entry = the(ConsoleEntry)
    assert (entry.action, entry.status, entry.psp_id) == ("replay-range", "done", None)


def test_that_were_given_up_are_open_again(paid, superuser):
    superuser.execute("ALTER TABLE pgw.webhook_keys DISABLE TRIGGER USER")
    superuser.execute("UPDATE pgw.webhook_keys SET status = 'unconfirmed'")
    superuser.execute("ALTER TABLE pgw.webhook_keys ENABLE TRIGGER USER")
    consoles.operator().post(range_url(), around(statuses=["unconfirmed"]))
    assert (the(WebhookKey).status, the(WebhookKey).tries) == ("pending", 0)
    jobs.run_slot("pgw.retry_webhooks", now=clock.now() + dt.timedelta(seconds=1))
    assert the(WebhookKey).status == "applied"


def test_of_a_range_are_those_of_the_own_tenant(paid, stranger):
    foreign = person(Role.PSP_ADMIN, psp_id=stranger.tenant.psp.id)
    said = foreign.post(range_url(), around(statuses=["applied"]), follow=True).content.decode()
    assert "within seconds: 0." in said
    assert the(WebhookKey).next_try_at is None
    assert (the(ConsoleEntry).psp_id, the(ConsoleEntry).status) == (stranger.tenant.psp.id, "done")
    assert foreign.post(url(paid, "replay")).status_code == 404


def test_of_a_range_are_those_that_one_may_touch(partner, paid, stranger):
    """Somebody who only looks at one PSP and runs another one."""
    email, secret = make_person(Role.AUDITOR, psp_id=partner.tenant.psp.id)
    with portal.atomic(SEED):
        user = User.objects.get(email=email)
    grant_role(scope=SEED, user=user, role=Role.PSP_ADMIN, now=clock.now(), psp_id=stranger.tenant.psp.id)
    client = sign_in(email, secret)[0]
    said = client.post(range_url(), around(statuses=["applied"]), follow=True).content.decode()
    assert "within seconds: 0." in said
    assert the(WebhookKey).next_try_at is None
    assert client.post(url(paid, "replay")).status_code == 403


def test_of_a_range_need_all_that_is_asked(paid):
    answer = consoles.operator().post(range_url(), {"since": "x"}).content.decode()
    assert answer.count('class="errorlist"') >= 3
    assert the(WebhookKey).next_try_at is None


def test_are_applied_again_by_those_who_may_alone(partner, paid):
    watcher = person(Role.AUDITOR, psp_id=partner.tenant.psp.id)
    assert "Apply again" not in consoles.read(watcher, url(paid))
    assert "Apply a range again" not in consoles.read(watcher, consoles.change_list(WebhookKey))
    for address in (url(paid, "replay"), range_url()):
        assert watcher.get(address).status_code == 403
        assert watcher.post(address, around()).status_code == 403
