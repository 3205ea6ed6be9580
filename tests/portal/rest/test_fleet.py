"""The fleet over HTTP: what terminals say, who is online, groups, labels, replacement and the end of a stolen one."""

import datetime as dt
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from kernel import clock, ids
from kernel.errors import DomainError
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.models import Device, DeviceKill, DeviceReport, DeviceReportSample
from mpac.portal.selectors.settings import explain_device, open_secret
from mpac.portal.services import heartbeats, killing, replacement
from mpac.portal.services.devices import resume_device, suspend_device
from mpac.portal.services.tokens import exchange_assertion
from tests.portal.factories import (
    SEED,
    get_device,
    make_app,
    make_release,
    make_rollout,
    make_store,
    make_tenant,
    make_terminal,
    published,
    register,
    seconds,
)

JSON = "application/json"
ROUNDS = int(os.environ.get("MPAC_TEST_ROUNDS", "3"))
REPORT = {
    "sent_at": "2026-01-01T00:00:00Z",
    "model": "A920",
    "os": {"name": "Android", "version": "10"},
    "app": {"package": "com.mpac.pos", "version": "2.4.1", "version_code": 241},
    "battery": {"percent": 12, "charging": False},
    "printer": {"status": "out_of_paper"},
    "network": {"type": "wifi", "signal_dbm": -60},
    "position": {"latitude": 13.75, "longitude": 100.5},
    "storage": {"free_bytes": 10_000_000},
    "unsent": {"records": 3, "last_sequence": 77},
}


def token_of(terminal):
    return exchange_assertion(assertion=terminal.assertion(), scope=None, now=clock.now()).access_token


@pytest.fixture
def beat(api, terminal):
    headers = {"Authorization": f"Bearer {token_of(terminal)}"}

    def send(body=None):
        return api.post(
            "/v1/devices/me/heartbeat", REPORT if body is None else body, content_type=JSON, headers=headers
        )

    return send


def say(device_id, *, now, **report):
    return heartbeats.record_heartbeat(scope=SEED, device_id=device_id, report=report, now=now)


def last_report(device_id):
    with atomic(SEED):
        return DeviceReport.objects.get(device_id=device_id)


def has_reported(device_id):
    with atomic(SEED):
        return DeviceReport.objects.get(device_id=device_id).has_reported


def samples():
    with atomic(SEED):
        return DeviceReportSample.objects.count()


# --- heartbeats -------------------------------------------------------------------------------------------------------


def test_say_how_they_are_and_learn_what_waits(beat, partner, terminal):
    answer = beat()
    assert answer.status_code == 200
    body = answer.json()
    assert (body["object"], body["id"], body["next_heartbeat_s"]) == ("heartbeat", terminal.client_id, 60)
    assert {"server_time", "config_etag", "commands_waiting", "update_waiting"} <= set(body)
    seen = partner.get(f"/v1/devices/{terminal.client_id}").json()
    last = seen["last_report"]
    assert seen["online"] is True
    assert (last["app_version"], last["battery_percent"], last["printer"]) == ("2.4.1", 12, "out_of_paper")
    assert last["clock_drift_ms"] < 0
    assert last["report"]["position"] == {"latitude": 13.75, "longitude": 100.5}
    (kept,) = partner.get(f"/v1/devices/{terminal.client_id}/reports").json()["data"]
    assert kept["report"] == last["report"]


def test_learn_of_new_settings_of_commands_and_of_releases(api, beat, partner, tenant, terminal):
    own = {"Authorization": f"Bearer {token_of(terminal)}"}
    first = beat().json()
    assert first["config_etag"] == api.get("/v1/devices/me/config", headers=own).headers["ETag"]
    assert (first["commands_waiting"], first["update_waiting"]) == (0, False)
    path = f"/v1/settings/store/{tenant.store.id}/receipt.copies"
    headers = {"If-Match": "0", "Idempotency-Key": "heartbeat"}
    partner.put(path, {"value": 2}, content_type=JSON, headers=headers)
    order = {"kind": "restart", "device_id": terminal.client_id}
    partner.post("/v1/commands", order, content_type=JSON, headers=headers)
    app = make_app(tenant.psp, livemode=False)
    make_rollout(make_release(app.public_id, 7))
    second = beat(REPORT | {"apps": [{"package": app.package, "version_code": 6}]}).json()
    assert second["config_etag"] != first["config_etag"]
    assert second["config_etag"] == api.get("/v1/devices/me/config", headers=own).headers["ETag"]
    assert (second["commands_waiting"], second["update_waiting"]) == (1, True)
    newest = beat(REPORT | {"apps": [{"package": app.package, "version_code": 7}]}).json()
    assert newest["update_waiting"] is False


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"battery": {"percent": 101}}, "battery.percent"),
        ({"battery": 5}, "battery"),
        ({"imei": "1"}, "imei"),
        ({"position": {"latitude": 91, "longitude": 0}}, "position.latitude"),
        ({"printer": {"status": "on fire"}}, "printer.status"),
        ({"sent_at": "yesterday"}, "sent_at"),
        ({"apps": [{"package": "x"}] * 51}, "apps"),
    ],
)
def test_that_report_nonsense_are_told_what_is_wrong(beat, body, field):
    answer = beat(body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert samples() == 0


def test_that_report_too_much_are_refused(beat):
    assert beat({"model": "x" * 40_000}).status_code == 413


def test_keep_their_last_word_and_one_sample_in_five_minutes(tenant, terminal):
    now = clock.now()
    for minutes, expected in ((0, 1), (1, 1), (4, 1), (5, 2), (6, 2), (11, 3)):
        say(terminal.device_id, now=now + dt.timedelta(minutes=minutes), model=f"after {minutes}")
        assert samples() == expected
    assert last_report(terminal.device_id).report == {"model": "after 11"}


def test_a_report_that_was_held_up_changes_nothing(tenant, terminal):
    now = clock.now()
    say(terminal.device_id, now=now, model="new")
    say(terminal.device_id, now=now - seconds(30), model="old")
    assert last_report(terminal.device_id).report == {"model": "new"}


def test_a_heartbeat_costs_two_trips_to_the_database(beat, django_assert_num_queries):
    beat()
    with django_assert_num_queries(2, using=db.alias):  # what it says, and what waits for it
        assert beat().status_code == 200


def test_a_heartbeat_writes_its_row_over_without_touching_an_index(tenant, terminal, superuser):
    for second in range(5):
        say(terminal.device_id, now=clock.now() + seconds(second), model="A920")
    superuser.execute("SELECT pg_stat_force_next_flush()")
    (options,) = superuser.execute(
        "SELECT reloptions FROM pg_class WHERE oid = 'portal.device_reports'::regclass"
    ).fetchone()
    indexed = superuser.execute(
        "SELECT DISTINCT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
        " AND a.attnum = ANY (i.indkey) WHERE i.indrelid = 'portal.device_reports'::regclass"
    ).fetchall()
    assert options == ["fillfactor=70"]
    assert {name for (name,) in indexed} <= {"device_id", "psp_id", "merchant_id", "store_id"}


LATE_S = conf.SILENT_AFTER_S + 1


def keep_reporting(device_id, *, begins, ends):
    """What a terminal that works says, every minute; every fifth time is sampled."""
    at = begins
    while at <= ends:
        say(device_id, now=at)
        at += seconds(conf.HEARTBEAT_EVERY_S)


def test_that_fall_silent_are_told_of_once_until_they_are_heard_again(tenant, terminal):
    suspended, working = make_terminal(tenant.store), make_terminal(tenant.store)
    now = clock.now()
    for device_id in (terminal.device_id, suspended.device_id):
        say(device_id, now=now)
    with atomic(SEED):
        Device.objects.filter(id=suspended.device_id).update(status="suspended")
    late = now + seconds(LATE_S)
    keep_reporting(working.device_id, begins=now - seconds(199), ends=late)
    assert heartbeats.find_silent_devices(now=now + seconds(conf.SILENT_AFTER_S - 1)) == 0
    assert [heartbeats.find_silent_devices(now=late) for _ in range(2)] == [1, 0]
    say(terminal.device_id, now=late + seconds(5))
    assert heartbeats.find_silent_devices(now=late + seconds(6)) == 0
    told = [event for event in published() if event["type"].startswith("portal.device_")]
    assert [(event["type"], event["device_id"]) for event in told][-2:] == [
        ("portal.device_silent", terminal.client_id),
        ("portal.device_heard_again", terminal.client_id),
    ]


def test_get_time_to_come_back_when_nobody_could_be_heard(tenant, terminal):
    """An outage of ours is no silence of theirs; who stays away after it is told of."""
    back, slow = make_terminal(tenant.store), make_terminal(tenant.store)
    now = clock.now()
    for each in (terminal, back, slow):
        say(each.device_id, now=now)
    ends = now + seconds(3600)
    assert heartbeats.find_silent_devices(now=ends) == 0
    keep_reporting(back.device_id, begins=ends, ends=ends + seconds(conf.LISTENING_AFTER_S))
    say(slow.device_id, now=ends + seconds(150))
    for after_s in (1, 60, 120, 179):
        assert heartbeats.find_silent_devices(now=ends + seconds(after_s)) == 0, after_s
    assert heartbeats.find_silent_devices(now=ends + seconds(conf.LISTENING_AFTER_S)) == 1
    (event,) = published("portal.device_silent")
    assert event["device_id"] == terminal.client_id


def test_that_never_reported_are_missed_from_their_activation_on(tenant, terminal):
    working = make_terminal(tenant.store)
    with atomic(SEED):
        activated_at = Device.objects.get(id=terminal.device_id).activated_at
    keep_reporting(working.device_id, begins=activated_at - seconds(199), ends=activated_at + seconds(LATE_S))
    assert heartbeats.find_silent_devices(now=activated_at + seconds(conf.SILENT_AFTER_S - 1)) == 0
    found = [heartbeats.find_silent_devices(now=activated_at + seconds(LATE_S)) for _ in range(2)]
    assert found == [1, 0]
    (event,) = published("portal.device_silent")
    assert dt.datetime.fromisoformat(event["last_heard_at"]) == activated_at
    assert not has_reported(terminal.device_id)
    say(terminal.device_id, now=activated_at + seconds(LATE_S + 1), model="A920")
    assert has_reported(terminal.device_id)
    assert last_report(terminal.device_id).report == {"model": "A920"}
    assert len(published("portal.device_heard_again")) == 1


def test_that_were_just_let_in_again_are_not_missed_yet(tenant, terminal):
    working = make_terminal(tenant.store)
    now = clock.now()
    say(terminal.device_id, now=now - seconds(LATE_S))
    keep_reporting(working.device_id, begins=now - seconds(LATE_S), ends=now)
    for step in (suspend_device, resume_device):
        step(scope=SEED, device_id=terminal.device_id, actor="test", now=now)
    assert heartbeats.find_silent_devices(now=clock.now()) == 0


# --- finding ----------------------------------------------------------------------------------------------------------


def test_are_found_by_what_they_are_and_how_they_are(partner, tenant, terminal):
    other = register(make_store(tenant.merchant), serial_number="FIND-ME").device
    partner.patch(f"/v1/devices/{other.public_id}", {"labels": {"lane": "3", "zone": "b"}}, content_type=JSON)
    say(terminal.device_id, now=clock.now(), app={"package": "a", "version": "9.9"})
    for query, expected in {
        "": {terminal.client_id, other.public_id},
        "status=active": {terminal.client_id},
        f"store_id={tenant.store.id}": {terminal.client_id},
        f"merchant_id={tenant.merchant.id}": {terminal.client_id, other.public_id},
        "model=A920": {terminal.client_id, other.public_id},
        "version=9.9": {terminal.client_id},
        "label=lane:3,zone:b": {other.public_id},
        "label=lane:4": set(),
        "online=true": {terminal.client_id},
        "online=false": {other.public_id},
        "q=find-m": {other.public_id},
    }.items():
        answer = partner.get(f"/v1/devices?{query}")
        assert answer.status_code == 200, answer.content
        assert {device["id"] for device in answer.json()["data"]} == expected, query
    assert partner.get("/v1/devices?label=lane").status_code == 400
    assert partner.get("/v1/devices?group=nonsense").status_code == 404


def test_belong_to_groups_by_hand_and_by_label(partner, tenant, terminal):
    labelled = register(tenant.store).device
    partner.patch(f"/v1/devices/{labelled.public_id}", {"labels": {"lane": "3"}}, content_type=JSON)
    body = {"name": "Front", "merchant_id": tenant.merchant.id, "selector": {"lane": "3"}}
    group = partner.post("/v1/device-groups", body, content_type=JSON).json()
    assert partner.post("/v1/device-groups", body, content_type=JSON).json()["code"] == "group_name_taken"
    path = f"/v1/device-groups/{group['id']}"
    for changed in (1, 0):
        answer = partner.post(f"{path}/members", {"device_ids": [terminal.client_id]}, content_type=JSON)
        assert answer.json()["changed"] == changed
    for listed in (f"{path}/members", f"/v1/devices?group={group['id']}"):
        found = {device["id"] for device in partner.get(listed).json()["data"]}
        assert found == {terminal.client_id, labelled.public_id}
    assert partner.delete(path).json()["code"] == "group_not_empty"
    answer = partner.post(f"{path}/members/remove", {"device_ids": [terminal.client_id]}, content_type=JSON)
    assert answer.json()["changed"] == 1
    assert partner.delete(path).status_code == 200
    assert partner.get(path).status_code == 404


def test_of_others_join_no_group(partner, tenant, terminal):
    group = partner.post("/v1/device-groups", {"name": "Front"}, content_type=JSON).json()
    foreign = make_terminal(make_tenant().store)
    path, body = f"/v1/device-groups/{group['id']}/members", {"device_ids": []}
    for name in (foreign.client_id, ids.encode("dev", ids.uuid7())):
        answer = partner.post(path, body | {"device_ids": [terminal.client_id, name]}, content_type=JSON)
        assert answer.status_code == 404
    assert partner.get(path).json()["data"] == []


# --- replacement ------------------------------------------------------------------------------------------------------


def test_that_break_hand_their_place_to_another(partner, tenant, terminal):
    partner.patch(f"/v1/devices/{terminal.client_id}", {"labels": {"lane": "3"}}, content_type=JSON)
    group = partner.post("/v1/device-groups", {"name": "Front"}, content_type=JSON).json()
    members = f"/v1/device-groups/{group['id']}/members"
    partner.post(members, {"device_ids": [terminal.client_id]}, content_type=JSON)
    path = f"/v1/devices/{terminal.client_id}/replace"
    answer = partner.post(path, {"serial_number": "SN-NEW", "model": "A930"}, content_type=JSON)
    assert answer.status_code == 201
    new, old = answer.json(), partner.get(f"/v1/devices/{terminal.client_id}").json()
    assert (new["replaces"], new["status"], old["status"]) == (old["id"], "registered", "revoked")
    assert new["activation_code"]
    for taken_over in ("name", "store_id", "labels", "livemode"):
        assert new[taken_over] == old[taken_over]
    assert new["id"] in {device["id"] for device in partner.get(members).json()["data"]}
    again = partner.post(path, {"serial_number": "SN-OTHER"}, content_type=JSON)
    assert (again.status_code, again.json()["code"]) == (409, "already_replaced")


def test_that_take_over_have_the_settings_of_the_broken_one(partner, tenant, terminal):
    for name, value in (("receipt.copies", 2), ("network.wifi_password", "the secret")):
        answer = partner.put(
            f"/v1/settings/device/{terminal.client_id}/{name}",
            {"value": value},
            content_type=JSON,
            headers={"If-Match": "0"},
        )
        assert answer.status_code == 200, answer.content
    path = f"/v1/devices/{terminal.client_id}/replace"
    answer = partner.post(path, {"serial_number": "SN-NEW"}, content_type=JSON)
    assert answer.status_code == 201, answer.content
    new = answer.json()
    with atomic(SEED):
        found = explain_device(device_id=ids.decode("dev", new["id"]))
        held = {name: found[name].source for name in ("receipt.copies", "network.wifi_password")}
        assert held["receipt.copies"].value == 2
        assert open_secret(held["network.wifi_password"]) == "the secret"


def test_that_cannot_be_replaced_stay_as_they_are(partner, tenant, terminal):
    register(tenant.store, serial_number="TAKEN")
    answer = partner.post(
        f"/v1/devices/{terminal.client_id}/replace", {"serial_number": "TAKEN"}, content_type=JSON
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "serial_number_taken")
    assert get_device(terminal.device_id).status == "active"


def test_keep_their_serial_number_when_only_their_inside_is_new(partner, terminal):
    answer = partner.post(
        f"/v1/devices/{terminal.client_id}/replace",
        {"serial_number": terminal.serial_number},
        content_type=JSON,
    )
    assert answer.status_code == 201


def at_once(*calls):
    """Run calls side by side, each with connections of its own; returns results and refusals."""

    def run(call):
        try:
            return call()
        except DomainError as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_are_replaced_once_however_many_try(tenant):
    for _ in range(ROUNDS):
        old = make_terminal(tenant.store)

        def replace(serial_number, old=old):
            return lambda: replacement.replace_device(
                scope=SEED,
                device_id=old.device_id,
                serial_number=f"{serial_number}-{old.serial_number}",
                actor="test",
                now=clock.now(),
            )

        results = at_once(*(replace(number) for number in range(4)))
        assert sorted(type(result).__name__ for result in results) == [
            "AlreadyReplaced",
            "AlreadyReplaced",
            "AlreadyReplaced",
            "RegisteredDevice",
        ]


# --- the end of a stolen one ------------------------------------------------------------------------------------------


def test_that_are_stolen_are_shut_out_in_one_call(api, beat, partner, terminal):
    assert beat().status_code == 200
    path, body = f"/v1/devices/{terminal.client_id}/kill", {"reason": "stolen"}
    answer = partner.post(path, body, content_type=JSON)
    assert answer.status_code == 200
    kill = answer.json()
    assert (kill["device"]["status"], kill["offline_allowance"]) == ("revoked", 0)
    assert (kill["unsent_records"], kill["last_sequence"]) == (3, 77)
    assert kill["last_report_at"] is not None
    again = partner.post(path, {"reason": "really"}, content_type=JSON).json()
    assert again | {"request_id": ""} == kill | {"request_id": ""}
    with pytest.raises(DomainError):
        token_of(terminal)
    told = list(published("portal.device_killed"))
    assert [event["is_repeated"] for event in told] == [False, True, True]


def test_that_are_stolen_are_shut_out_whatever_their_status(partner, tenant, terminal):
    for step in ("suspend", "revoke"):
        partner.post(f"/v1/devices/{terminal.client_id}/{step}", {}, content_type=JSON)
    registered = register(tenant.store).device
    for name in (terminal.client_id, registered.public_id):
        answer = partner.post(f"/v1/devices/{name}/kill", {}, content_type=JSON)
        assert answer.json()["device"]["status"] == "revoked"


def test_are_killed_once_however_many_try(tenant):
    for _ in range(ROUNDS):
        terminal = make_terminal(tenant.store)

        def kill(terminal=terminal):
            return killing.kill_device(
                scope=SEED, device_id=terminal.device_id, actor="test", now=clock.now()
            )

        assert len({found.id for found in at_once(*[kill] * 4)}) == 1
    with atomic(SEED):
        assert DeviceKill.objects.count() == ROUNDS
    assert len(published("portal.device_killed")) == 3 * ROUNDS


def test_that_are_stolen_are_spoken_of_again_when_their_tokens_are_dead(tenant, terminal):
    now = clock.now()
    killing.kill_device(scope=SEED, device_id=terminal.device_id, actor="test", now=now)
    with atomic(SEED):
        due = db.execute(
            "SELECT next_try_at FROM outbox WHERE type = 'portal.device_killed' ORDER BY position"
        )
    dead, settled = conf.KILL_SAID_AGAIN_S
    assert [row[0] for row in due] == [now, now + seconds(dead), now + seconds(settled)]
    assert settled > dead > conf.TRUST_STALE_LIMIT_S
