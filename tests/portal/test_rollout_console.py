"""A rollout in the console..."""

import pytest

from kernel import clock
from mpac.portal.db import atomic
from mpac.portal.domain.roles import Role
from mpac.portal.models import Rollout
from mpac.portal.services.updates import Report, report_update
from tests.portal.factories import SEED, audited, make_app, make_release, make_rollout
from tests.portal.test_admin import make_person, sign_in


@pytest.fixture
def rollout(tenant, terminal):
    started = make_rollout(make_release(make_app(tenant.psp).public_id), shares=(2500, 10_000))
    report_update(
        scope=tenant.scope,
        device_id=terminal.device_id,
        rollout_id=started.id,
        report=Report(status="installed"),
        now=clock.now(),
    )
    return started


def page(rollout, action=""):
    return f"/admin/portal/rollout/{rollout.pk}/{action or 'change'}/"


def test_shows_how_far_it_has_come(tenant, rollout):
    client, _ = sign_in(*make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id))
    text = client.get(page(rollout)).content.decode()
    assert 'aria-label="1 installed, 0 installing, 0 downloaded, 0 failed of 1 terminals"' in text
    assert "25 %" in text


def test_is_steered_by_its_provider_and_nobody_else(tenant, rollout):
    client, _ = sign_in(*make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id))
    text = client.get(page(rollout)).content.decode()
    assert ">Pause<" in text
    assert ">Resume<" not in text
    merchants, _ = sign_in(
        *make_person(Role.MERCHANT_ADMIN, psp_id=tenant.psp.id, merchant_id=tenant.merchant.id)
    )
    assert ">Pause<" not in merchants.get(page(rollout)).content.decode()


def test_is_halted_after_a_question_with_a_reason(tenant, rollout):
    client, _ = sign_in(*make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id))
    asked = client.get(page(rollout, "halt"))
    assert "That cannot be taken back." in asked.content.decode()
    assert client.post(page(rollout, "halt"), {"reason": "breaks receipts"}).status_code == 302
    with atomic(SEED):
        found = Rollout.objects.get()
    assert (found.status, found.reason) == ("halted", "breaks receipts")
    record = audited()[-1]
    assert (record["action"], record["actor_kind"], record["reason"]) == (
        "rollout.halted",
        "person",
        "breaks receipts",
    )
