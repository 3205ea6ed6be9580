"""Settings and commands in the console..."""

import re

import pytest

from kernel import clock
from mpac.portal.db import atomic, db
from mpac.portal.domain.roles import Role
from mpac.portal.models import Command, CommandBatch, SettingChange, SettingValue
from mpac.portal.services.commands import hand_out_commands
from tests.delivery import deliver_all
from tests.portal.factories import SEED, audited, make_tenant, make_terminal
from tests.portal.services.test_settings import holding, place_of, put
from tests.portal.test_admin import make_person, sign_in

VALUES, CHANGES = "/admin/portal/settingvalue/", "/admin/portal/settingchange/"
COMMANDS, BATCHES = "/admin/portal/command/", "/admin/portal/commandbatch/"


@pytest.fixture
def admin(tenant):
    return sign_in(*make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id))[0]


@pytest.fixture
def manager(tenant):
    where = {"psp_id": tenant.psp.id, "merchant_id": tenant.merchant.id, "store_id": tenant.store.id}
    return sign_in(*make_person(Role.STORE_MANAGER, **where))[0]


@pytest.fixture
def auditor(tenant):
    return sign_in(*make_person(Role.AUDITOR, psp_id=tenant.psp.id))[0]


def said(answer):
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", text)


def form(tenant, **more):
    wanted = {
        "level": "store",
        "owner": tenant.store.id,
        "name": "receipt.copies",
        "value": "2",
        "reason": "x",
    }
    return wanted | more


def test_are_explained_for_every_place(admin, tenant, terminal):
    put(place_of("platform", "all"), 3)
    put(place_of("psp", tenant.psp.id), 2, locked=True)
    put(place_of("store", tenant.store.id), "correct horse", name="network.wifi_password")
    for level, owner in (("store", tenant.store.id), ("device", terminal.client_id)):
        text = said(admin.get(f"{VALUES}explore/?level={level}&owner={owner}"))
        assert re.search(rf"receipt.copies 2 psp {tenant.psp.id} locked user:1", text)
        assert re.search(rf"network.wifi_password \(secret\) store {tenant.store.id} user:1", text)
        assert "receipt.print &quot;ask&quot; default" in text
        assert "correct horse" not in text
    other = make_tenant()
    for level, owner in (("store", other.store.id), ("platform", "all"), ("group", "x"), ("store", "9" * 30)):
        text = said(admin.get(f"{VALUES}explore/?level={level}&owner={owner}"))
        assert "There is no such place, or it is not yours to see." in text
    assert admin.get(f"{VALUES}explore/").status_code == 200
    assert admin.get(f"{VALUES}explore/?level=planet&owner=1").status_code == 200


def test_are_shown_on_the_pages_of_those_for_whom_they_hold(admin, tenant, terminal):
    put(place_of("psp", tenant.psp.id), 2)
    for page in (
        f"/admin/portal/store/{tenant.store.id}/change/",
        f"/admin/portal/device/{terminal.device_id}/change/",
        f"/admin/portal/psp/{tenant.psp.id}/change/",
    ):
        text = said(admin.get(page))
        assert f"receipt.copies 2 psp {tenant.psp.id}" in text
        assert "Explain all" in text


def test_are_counted_set_changed_locked_taken_away_and_brought_back(admin, tenant, terminal):
    counted = admin.post(f"{VALUES}set/", form(tenant, only_count="on"))
    assert "It would touch 1 of 1 terminals below." in said(counted)
    assert holding(terminal) == (1, None)
    answer = admin.post(f"{VALUES}set/", form(tenant), follow=True)
    assert "version 1, 1 of 1 terminals below hold another value" in said(answer)
    with atomic(SEED):
        row = SettingValue.objects.get()
    steps = [
        ("edit", {"value": "3", "reason": "more"}, (3, "store")),
        ("lock", {"reason": "for good"}, (3, "store")),
        ("lock", {"reason": "or not"}, (3, "store")),
        ("unset", {"reason": "enough"}, (1, None)),
    ]
    for step, answers, expected in steps:
        assert admin.get(f"{VALUES}{row.pk}/{step}/").status_code == 200
        assert admin.post(f"{VALUES}{row.pk}/{step}/", answers).status_code == 302
        assert holding(terminal) == expected
    with atomic(SEED):
        versions = list(SettingChange.objects.order_by("version").values_list("version", "locked", "reason"))
        first = SettingChange.objects.get(version=1)
    assert versions == [
        *((1, False, "x"), (2, False, "more"), (3, True, "for good")),
        *((4, False, "or not"), (5, False, "enough")),
    ]
    answer = admin.post(f"{CHANGES}{first.pk}/roll-back/", {"reason": ""}, follow=True)
    assert "Version 1 of receipt.copies holds again, as version 6." in said(answer)
    assert holding(terminal) == (2, "store")
    assert audited()[-1]["actor_kind"] == "person"


@pytest.mark.parametrize("value", ["{", "nonsense", "9", "NaN", "[" * 3000])
def test_that_do_not_fit_stay_in_the_form(admin, tenant, value):
    answer = admin.post(f"{VALUES}set/", form(tenant, value=value))
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    with atomic(SEED):
        assert not SettingValue.objects.exists()


def test_are_changed_by_those_who_may_where_they_may(manager, auditor, tenant):
    assert manager.post(f"{VALUES}set/", form(tenant)).status_code == 302
    assert manager.post(f"{VALUES}set-locked/", form(tenant)).status_code == 403
    for wide in (form(tenant, level="psp", owner=tenant.psp.id), form(tenant, level="platform", owner="all")):
        assert manager.post(f"{VALUES}set/", wide).status_code == 200
    assert auditor.post(f"{VALUES}set/", form(tenant)).status_code == 403
    assert auditor.get(VALUES).status_code == 200
    with atomic(SEED):
        row, version = SettingValue.objects.get(), SettingChange.objects.get()
    for step in ("edit", "lock", "unset"):
        assert auditor.post(f"{VALUES}{row.pk}/{step}/", {"value": "0", "reason": "x"}).status_code == 403
    assert auditor.post(f"{CHANGES}{version.pk}/roll-back/", {}).status_code == 403


def test_above_ones_own_level_are_seen_and_not_changed(manager, tenant):
    put(place_of("psp", tenant.psp.id), 2)
    with atomic(SEED):
        row = SettingValue.objects.get()
    assert manager.get(f"{VALUES}{row.pk}/change/").status_code == 200
    assert manager.post(f"{VALUES}{row.pk}/edit/", {"value": "0", "reason": ""}).status_code == 403


def order(tenant, **more):
    return {
        "level": "store",
        "owner": tenant.store.id,
        "kind": "message",
        "parameters": '{"text": "Closing at six"}',
        "hours": 1,
        "reason": "evening",
    } | more


def test_and_commands_are_sent_to_one_or_many_and_called_off(admin, tenant, terminal):
    one = order(tenant, level="device", owner=terminal.client_id)
    assert "is on its way." in said(admin.post(f"{COMMANDS}send/", one, follow=True))
    assert "to all active terminals" in said(admin.post(f"{COMMANDS}send/", order(tenant), follow=True))
    deliver_all([db])
    with atomic(SEED):
        single, batch = Command.objects.get(batch_id=None), CommandBatch.objects.get()
    assert (single.kind, single.reason, single.parameters["text"]) == ("message", "evening", "Closing at six")
    assert "queued 1" in said(admin.get(f"{BATCHES}{batch.pk}/change/"))
    assert admin.post(f"{COMMANDS}{single.pk}/cancel/").status_code == 302
    assert "queued cancelled user:" in said(admin.get(f"{COMMANDS}{single.pk}/change/"))
    hand_out_commands(scope=SEED, device_id=terminal.device_id, limit=9, now=clock.now())
    assert admin.post(f"{BATCHES}{batch.pk}/cancel/").status_code == 302
    assert "sent 1" in said(admin.get(f"{BATCHES}{batch.pk}/change/"))


@pytest.mark.parametrize(
    "answers",
    [{"parameters": "{"}, {"parameters": "[]"}, {"parameters": '{"text": ""}'}, {"owner": "x"}, {"hours": 0}],
)
def test_and_commands_that_cannot_be_stay_in_the_form(admin, tenant, answers):
    answer = admin.post(f"{COMMANDS}send/", order(tenant, **answers))
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()


def test_and_commands_are_sent_by_those_who_may_where_they_may(manager, auditor, tenant):
    stranger = make_terminal(make_tenant().store)
    for wide in (
        order(tenant, level="merchant", owner=tenant.merchant.id),
        order(tenant, level="device", owner=stranger.client_id),
    ):
        assert manager.post(f"{COMMANDS}send/", wide).status_code == 200
    assert manager.post(f"{COMMANDS}send/", order(tenant)).status_code == 302
    assert auditor.post(f"{COMMANDS}send/", order(tenant)).status_code == 403
    with atomic(SEED):
        assert CommandBatch.objects.count() == 1
