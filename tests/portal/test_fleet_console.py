"""Terminals in the console..."""

import re

import pytest

from kernel import clock
from mpac.portal.db import atomic
from mpac.portal.domain.roles import Role
from mpac.portal.models import Device
from mpac.portal.services.heartbeats import record_heartbeat
from tests.portal.factories import SEED, audited, get_device, make_tenant, make_terminal, register
from tests.portal.test_admin import make_person, sign_in

LIST = "/admin/portal/device/"
REPORT = {"position": {"latitude": 13.75, "longitude": 100.5, "accuracy_m": 20.0}, "uptime_s": 5}


@pytest.fixture
def staff(tenant):
    return sign_in(*make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id))[0]


def page(terminal):
    return f"{LIST}{terminal.device_id}/"


def test_are_seen_with_what_they_said_last_and_where_they_are(staff, terminal):
    record_heartbeat(scope=SEED, device_id=terminal.device_id, report=REPORT, now=clock.now())
    assert "online" in staff.get(LIST).content.decode()
    text = staff.get(f"{page(terminal)}change/").content.decode()
    assert "13.75000, 100.50000, within 20 m" in text
    assert "uptime s" in text
    asked = staff.get(f"{page(terminal)}suspend/").content.decode()
    assert re.search(r"<dt>model</dt><dd>\w", asked)


def test_say_what_they_said_line_by_line(staff, terminal):
    report = {"os": {"version": "Android 11"}, "battery": {"percent": 5, "charging": True}}
    record_heartbeat(scope=SEED, device_id=terminal.device_id, report=report, now=clock.now())
    text = staff.get(f"{page(terminal)}change/").content.decode()
    for name, value in (("os version", "Android 11"), ("battery percent", "5"), ("battery charging", "yes")):
        assert f"<td>{name}</td><td>{value}</td>" in text


def test_show_the_health_of_ones_own_fleet_in_figures_and_pictures(staff, tenant, terminal):
    other, foreign = make_terminal(tenant.store), make_terminal(make_tenant().store)
    app = {"package": "a", "version": "2.4.<1>"}
    broken = {"app": app, "battery": {"percent": 5}, "printer": {"status": "failed"}}
    for device_id, report in (
        (terminal.device_id, {"app": app}),
        (other.device_id, broken),
        (foreign.device_id, broken),
    ):
        record_heartbeat(scope=SEED, device_id=device_id, report=report, now=clock.now())
    text = staff.get("/admin/portal/devicereport/").content.decode()
    assert "2 active terminals" in text
    assert "<title>online: 2</title>" in text
    assert "<title>2.4.&lt;1&gt;: 2</title>" in text
    assert re.search(r">1</span> battery low", text)
    assert re.search(r">1</span> printer failing", text)


@pytest.mark.parametrize(
    ("step", "status", "action"),
    [
        ("suspend", "suspended", "device.suspended"),
        ("revoke", "revoked", "device.revoked"),
        ("kill", "revoked", "device.killed"),
    ],
)
def test_are_stopped_from_their_page_when_somebody_says_why(staff, terminal, step, status, action):
    path = f"{page(terminal)}{step}/"
    assert staff.get(path).status_code == 200
    assert staff.post(path, {}).status_code == 200
    assert get_device(terminal.device_id).status == "active"
    assert staff.post(path, {"reason": "stolen"}).status_code == 302
    assert get_device(terminal.device_id).status == status
    last = audited()[-1]
    assert (last["action"], last["reason"], last["actor_kind"]) == (action, "stolen", "person")


def test_are_stopped_many_at_once_each_by_itself(staff, tenant, terminal):
    second, waiting = make_terminal(tenant.store), register(tenant.store).device
    names = "\n".join([terminal.client_id, second.serial_number, waiting.public_id, ""])
    answer = staff.post(f"{LIST}suspend_many/", {"terminals": names, "reason": "night"}, follow=True)
    assert "2 of 3 done." in answer.content.decode()
    with atomic(SEED):
        found = dict(Device.objects.values_list("id", "status"))
    assert found == {terminal.device_id: "suspended", second.device_id: "suspended", waiting.id: "registered"}


def test_get_labels_many_at_once(staff, terminal):
    form = {"terminals": terminal.client_id, "reason": "sorting", "labels": "lane:3"}
    assert staff.post(f"{LIST}label_many/", form).status_code == 302
    assert get_device(terminal.device_id).labels == {"lane": "3"}
    assert (
        "Labels read name:value" in staff.post(f"{LIST}label_many/", form | {"labels": "x"}).content.decode()
    )


def test_of_others_are_touched_by_nobody(staff, terminal):
    foreign = make_terminal(make_tenant().store)
    form = {"terminals": f"{terminal.client_id}\n{foreign.client_id}", "reason": "x"}
    for step in ("suspend", "kill"):
        answer = staff.post(f"{LIST}{step}_many/", form)
        assert "no such terminal" in answer.content.decode()
        assert staff.post(f"{page(foreign)}{step}/", {"reason": "x"}).status_code in {302, 403, 404}
    for each in (terminal, foreign):
        assert get_device(each.device_id).status == "active"


def test_are_only_looked_at_by_who_may_not_touch_them(tenant, terminal):
    auditor, _ = sign_in(*make_person(Role.AUDITOR, psp_id=tenant.psp.id))
    assert auditor.get(LIST).status_code == 200
    for path in (f"{page(terminal)}kill/", f"{LIST}kill_many/"):
        form = {"terminals": terminal.client_id, "reason": "x"}
        assert auditor.post(path, form).status_code == 403
    assert get_device(terminal.device_id).status == "active"
