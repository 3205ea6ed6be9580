"""Partners' webhooks in the console ..."""

import datetime as dt

import pytest
from django.urls import reverse

from kernel import clock
from kernel.tenancy import TenantScope
from mpac.pgw.models import DeliveryAttempt, PartnerEvent, WebhookDelivery, WebhookEndpoint
from mpac.portal.domain.roles import Role
from tests.pgw.partners import Sent, deliveries, endpoint, events_told, relay, send
from tests.portal.test_admin import make_person, sign_in

MODELS = [WebhookEndpoint, PartnerEvent, WebhookDelivery, DeliveryAttempt]


@pytest.fixture
def sent(partner):
    """One event, sent to one endpoint that did not take it."""
    scope = TenantScope(partner.tenant.psp.id)
    made = endpoint(now=clock.now(), scope=scope)
    partner.created()
    relay()
    answers = Sent(500)
    send(answers, now=clock.now() + dt.timedelta(minutes=1))
    answers.secret = made.secret
    return answers


@pytest.fixture
def levels(partner):
    return {"psp_id": partner.tenant.psp.id, "merchant_id": partner.tenant.merchant.id}


def person(role, **levels):
    return sign_in(*make_person(role, **levels))[0]


def change_list(model):
    return reverse(f"admin:pgw_{model._meta.model_name}_changelist")


def resend_url(row):
    return reverse(f"admin:pgw_{row._meta.model_name}_resend", args=[row.pk])


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_are_shown_without_their_secrets(sent, model):
    operator = person(Role.PLATFORM_OPERATOR)
    listed = operator.get(change_list(model))
    assert listed.status_code == 200
    row = {"PartnerEvent": events_told, "WebhookDelivery": deliveries}.get(model.__name__, list)()
    if row:
        page = operator.get(reverse(f"admin:pgw_{model._meta.model_name}_change", args=[row[0].pk]))
        assert page.status_code == 200
        assert "Send anew" in page.content.decode()
    assert sent.secret not in listed.content.decode()
    assert "v1.test." not in listed.content.decode()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_are_a_partners_own_affair(sent, levels, model):
    theirs = person(Role.PSP_ADMIN, psp_id=levels["psp_id"])
    assert "1 " in theirs.get(change_list(model)).content.decode().partition('class="paginator"')[2][:40]
    merchants = person(Role.MERCHANT_ADMIN, **levels)
    assert merchants.get(change_list(model)).status_code == 403


def test_are_sent_anew_only_after_a_question(sent, levels):
    operator = person(Role.PSP_ADMIN, psp_id=levels["psp_id"])
    for row in (deliveries()[0], events_told()[0]):
        asked = operator.get(resend_url(row))
        assert asked.status_code == 200
        assert "once more" in asked.content.decode()
        tries = deliveries()[0].tries
        done = operator.post(resend_url(row), follow=True)
        assert done.status_code == 200
        assert "The event is sent anew" in done.content.decode()
        assert (tries, deliveries()[0].tries, deliveries()[0].status) == (1, 0, "pending")
        send(sent, now=clock.now() + dt.timedelta(minutes=1))


@pytest.mark.parametrize(("role", "status"), [(Role.AUDITOR, 200), (Role.MERCHANT_ADMIN, 403)])
def test_are_not_sent_anew_by_who_may_only_look(sent, levels, role, status):
    where = levels if role is Role.MERCHANT_ADMIN else {"psp_id": levels["psp_id"]}
    watcher, before = person(role, **where), deliveries()[0]
    for method in (watcher.get, watcher.post):
        assert method(resend_url(before)).status_code == 403
    page = watcher.get(reverse("admin:pgw_webhookdelivery_change", args=[before.pk]))
    assert (page.status_code, "Send anew" in page.content.decode()) == (status, False)
    assert deliveries()[0].next_try_at == before.next_try_at


def test_are_not_sent_anew_by_another_partner(sent, stranger):
    foreign = person(Role.PSP_ADMIN, psp_id=stranger.tenant.psp.id)
    before = deliveries()[0]
    assert foreign.post(resend_url(before)).status_code == 404
    assert deliveries()[0].next_try_at == before.next_try_at


def test_say_why_nothing_was_sent(sent, superuser):
    operator = person(Role.PLATFORM_OPERATOR)
    superuser.execute(
        "UPDATE pgw.webhook_endpoints SET status = 'disabled', disabled_because = 'failing', disabled_at = now()"
    )
    answer = operator.post(resend_url(deliveries()[0]), follow=True)
    assert "The webhook endpoint is disabled" in answer.content.decode()
    assert "webhook endpoints that stopped answering" in operator.get("/admin/").content.decode()
