"""Terminals that ask for updates..."""

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import time_machine
from moto import mock_aws

from kernel import clock, ids
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain.rollouts import Gate
from mpac.portal.models import AppRelease, DeviceUpdate, Rollout
from mpac.portal.services.devices import suspend_device
from mpac.portal.services.downloads import download_address
from mpac.portal.services.rollouts import advance_rollouts
from mpac.portal.services.tokens import exchange_assertion
from mpac.portal.services.updates import count_payments
from mpac.smarttab.db import db as smarttab_db
from tests.delivery import deliver_all
from tests.portal.apks import PACKAGE, SIGNER, apk
from tests.portal.factories import (
    SEED,
    audited,
    make_api_key,
    make_app,
    make_release,
    make_rollout,
    make_store,
    make_tenant,
    make_terminal,
    published,
)

JSON, APK = "application/json", "application/vnd.android.package-archive"
ORDER = {
    "currency": "THB",
    "channel": "take_away",
    "items": [{"name": "Tea", "quantity": 1, "unit_price": 5000}],
}


class Till:
    def __init__(self, http, terminal):
        token = exchange_assertion(assertion=terminal.assertion(), scope=None, now=clock.now()).access_token
        self.http, self.headers = http, {"Authorization": f"Bearer {token}"}
        self.id = terminal.device_id

    def get(self, query=""):
        return self.http.get(f"/v1/devices/me/updates?{query}", headers=self.headers)

    def ask(self, version=0, more=""):
        answer = self.get(f"installed={PACKAGE}@{version}&sdk=30&battery_percent=90&{more}")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def held(self, version=0, more=""):
        return [each["reason"] for each in self.ask(version, more)["held"]]

    def post(self, path, body, **headers):
        return self.http.post(path, body, content_type=JSON, headers=self.headers | headers)

    def report(self, rollout, status, **more):
        path = f"/v1/devices/me/updates/{rollout.public_id}/result"
        return self.post(path, {"status": status} | more)


@pytest.fixture
def till(api, terminal):
    return Till(api, terminal)


@pytest.fixture
def rollout(tenant):
    return make_rollout(make_release(make_app(tenant.psp).public_id))


@pytest.fixture
def uploaded(api, tenant, till):
    """The address at which the terminal gets a real package."""
    partner = {"Authorization": f"Bearer {make_api_key(tenant.psp)}"}
    body = {"package": PACKAGE, "name": "Till", "signers": [SIGNER]}
    app = api.post("/v1/apps", body, content_type=JSON, headers=partner).json()
    release = api.post(f"/v1/apps/{app['id']}/releases", apk("v2"), content_type=APK, headers=partner).json()
    wish = {"release_id": release["id"], "window": "any"}
    assert api.post("/v1/rollouts", wish, content_type=JSON, headers=partner).status_code == 201
    return till.ask()["data"][0]


def local(update):
    parts = urlsplit(update["url"])
    return f"{parts.path}?{parts.query}"


def whole(answer):
    found = b"".join(answer.streaming_content)
    answer.close()
    return found


# --- what they are offered ----------------------------------------------------------------------------------------------


def test_of_another_provider_are_offered_nothing_and_report_nothing(api, rollout):
    stranger = Till(api, make_terminal(make_tenant().store))
    asked = stranger.ask()
    assert (asked["data"], asked["held"]) == ([], [])
    missing = stranger.post(
        f"/v1/devices/me/updates/{ids.encode('rol', ids.uuid7())}/result", {"status": "installed"}
    )
    answer = stranger.report(rollout, "installed")
    assert answer.status_code == missing.status_code == 404
    assert answer.json() | {"request_id": ""} == missing.json() | {"request_id": ""}
    with atomic(SEED):
        assert not DeviceUpdate.objects.exists()


def test_are_answered_by_one_trip_to_the_database(till, rollout, django_assert_num_queries):
    till.ask()
    with django_assert_num_queries(1, using=db.alias):
        assert till.ask()["data"]


def test_are_offered_the_platforms_apps_whoevers_they_are(api):
    make_rollout(make_release(make_app(None).public_id))
    for _ in range(2):
        found = Till(api, make_terminal(make_tenant().store)).ask()["data"]
        assert [each["package"] for each in found] == [PACKAGE]


def test_in_test_mode_are_not_offered_what_is_for_live_ones(api, tenant, till):
    make_rollout(make_release(make_app(tenant.psp, livemode=True).public_id))
    assert till.ask()["data"] == []
    assert len(Till(api, make_terminal(tenant.store, livemode=True)).ask()["data"]) == 1


def test_are_not_led_back_although_they_say_that_they_run_something_older(till, rollout):
    assert till.report(rollout, "installed").status_code == 200
    assert till.ask(0)["data"] == []
    assert till.held(0) == ["up_to_date"]


def test_wait_while_a_guest_of_the_store_is_still_to_pay(till, rollout):
    order = till.post("/v1/orders", ORDER, **{"Idempotency-Key": "order"}).json()
    bill = till.post(f"/v1/orders/{order['id']}/bills", {}, **{"Idempotency-Key": "bill"}).json()
    assert till.held() == ["open_bills"]
    paid = {"method": "cash", "amount": bill["amount_due"]}
    answer = till.post(f"/v1/bills/{bill['id']}/payments", paid, **{"Idempotency-Key": "pay"})
    assert answer.status_code == 201, answer.content
    assert len(till.ask()["data"]) == 1
    assert till.held(more="open_bills=1") == ["open_bills"]


@pytest.mark.parametrize(
    "query", ["installed=x", "installed=com.a@", "battery_percent=101", "sdk=0", "more=1"]
)
def test_that_say_nonsense_are_told_so(till, query):
    assert till.get(query).status_code == 400


# --- what they report ---------------------------------------------------------------------------------------------------


def test_go_forward_whatever_comes_late_or_twice(till, rollout):
    said = [
        "downloaded",
        "installing",
        "failed",
        "installing",
        "installed",
        "failed",
        "downloaded",
        "installed",
    ]
    seen = [till.report(rollout, status).json()["status"] for status in said]
    assert seen == [*said[:5], "installed", "installed", "installed"]
    actions = [record["action"] for record in audited()]
    assert actions.count("device_update.installed") == 1


def test_report_nothing_of_what_is_not_meant_for_them(tenant, till):
    another = make_store(tenant.merchant)
    rollout = make_rollout(make_release(make_app(tenant.psp).public_id), store_ids=[another.id])
    assert till.ask()["data"] == []
    assert till.report(rollout, "installed").status_code == 404
    with atomic(SEED):
        assert not DeviceUpdate.objects.exists()


def test_that_crash_run_what_they_crashed_with(till, rollout):
    answer = till.report(rollout, "crashed", code="ANR", message="4111 1111 1111 1111").json()
    assert (answer["status"], answer["crashes"], answer["failure_code"]) == ("installed", 1, "ANR")
    assert "4111" not in answer["message"]


def test_count_what_they_are_paid_with_for_what_they_run(till, rollout):
    till.report(rollout, "installed")
    order = till.post("/v1/orders", ORDER, **{"Idempotency-Key": "order"}).json()
    bill = till.post(f"/v1/orders/{order['id']}/bills", {}, **{"Idempotency-Key": "bill"}).json()
    paid = {"method": "cash", "amount": bill["amount_due"]}
    till.post(f"/v1/bills/{bill['id']}/payments", paid, **{"Idempotency-Key": "pay"})
    for _ in range(2):
        deliver_all([smarttab_db])
    with atomic(SEED):
        (update,) = DeviceUpdate.objects.all()
    assert (update.payments_succeeded, update.payments_failed, update.is_current) == (1, 0, True)


def test_that_cannot_take_money_any_more_halt_the_rollout(till, tenant):
    gate = Gate(max_failure_bp=10_000, max_crash_bp=10_000, min_payment_success_bp=7000, min_sample=4)
    rollout = make_rollout(make_release(make_app(tenant.psp).public_id), gate=gate)
    till.report(rollout, "installed")
    for outcome, status in (((2, 1), "active"), ((0, 1), "halted")):
        with atomic(SEED):
            count_payments(psp_id=tenant.psp.id, outcomes={till.id: outcome})
        advance_rollouts(now=clock.now())
        with atomic(SEED):
            found = Rollout.objects.get()
        assert found.status == status
    assert found.reason == "payment_success"
    assert published("portal.rollout_changed")[-1]["reason"] == "payment_success"
    assert till.ask()["data"] == []


# --- what they download -------------------------------------------------------------------------------------------------


def test_get_the_file_whole_and_in_parts(api, uploaded):
    data = apk("v2")
    answer = api.get(local(uploaded))
    assert (answer.status_code, answer.headers["Content-Type"], whole(answer)) == (200, APK, data)
    assert answer.headers["ETag"] == f'"{uploaded["sha256"]}"'
    for asked, start, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=8000-", 8000, len(data)),
        ("bytes=8000-99999", 8000, len(data)),
        ("bytes=-10", len(data) - 10, len(data)),
        ("bytes=-99999", 0, len(data)),
    ):
        answer = api.get(local(uploaded), headers={"Range": asked})
        assert (answer.status_code, whole(answer)) == (206, data[start:end])
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(data)}"
        assert answer.headers["Content-Length"] == str(end - start)


@pytest.mark.parametrize("asked", ["bytes=9-1", "bytes=0-1,4-5", "lines=1-2", "bytes=a-b", "bytes="])
def test_get_the_whole_when_they_ask_for_no_proper_part(api, uploaded, asked):
    answer = api.get(local(uploaded), headers={"Range": asked})
    assert (answer.status_code, whole(answer)) == (200, apk("v2"))


@pytest.mark.parametrize("asked", ["bytes=8340-", "bytes=99999-100000", "bytes=-0"])
def test_are_told_when_a_part_lies_behind_the_end(api, uploaded, asked):
    answer = api.get(local(uploaded), headers={"Range": asked})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */8340")
    assert answer.json()["code"] == "range_not_satisfiable"


def test_go_on_only_with_the_file_that_they_began_with(api, uploaded):
    same, other = f'"{uploaded["sha256"]}"', '"another"'
    for tag, status in ((same, 206), (other, 200), (f"W/{same}", 200)):
        answer = api.get(local(uploaded), headers={"Range": "bytes=1-", "If-Range": tag})
        assert answer.status_code == status
        answer.close()
    assert api.get(local(uploaded), headers={"If-None-Match": same}).status_code == 304
    head = api.head(local(uploaded))
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "8340")


def test_get_nothing_by_an_address_that_was_changed(api, tenant, uploaded):
    """Not even another release of their provider, or the same by another of its terminals."""
    address = local(uploaded)
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    other = make_release(make_app(tenant.psp, package="com.example.other").public_id).public_id
    for changed in (
        address.replace(query["device"], make_terminal(tenant.store).client_id),
        address.replace(query["expires"], str(int(query["expires"]) + 1)),
        address.replace(query["signature"], "0" * 64),
        address.replace(urlsplit(address).path, f"/v1/downloads/{other}"),
    ):
        answer = api.get(changed)
        assert (answer.status_code, answer.json()["code"]) == (403, "download_refused")
    assert api.get(urlsplit(address).path).status_code == 400


def test_get_nothing_of_another_provider_by_an_address_that_is_genuine(api, tenant, uploaded):
    with atomic(SEED):
        release = AppRelease.objects.get()
    for terminal, status in ((make_terminal(make_tenant().store), 403), (make_terminal(tenant.store), 200)):
        address = download_address(release=release, device_id=terminal.device_id, now=clock.now())
        answer = api.get(local({"url": address}))
        answer.close()
        assert answer.status_code == status


def test_get_nothing_when_the_address_is_old_or_they_are_shut_out(api, uploaded, till):
    with time_machine.travel(clock.now() + dt.timedelta(seconds=conf.DOWNLOAD_TTL_S + 2)):
        assert api.get(local(uploaded)).status_code == 403
    suspend_device(scope=SEED, device_id=till.id, actor="test", now=clock.now())
    assert api.get(local(uploaded)).status_code == 403


def test_that_are_too_many_at_once_come_again(api, uploaded):
    under_way = [api.get(local(uploaded)) for _ in range(conf.DOWNLOADS_AT_ONCE)]
    refused = api.get(local(uploaded))
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "15")
    for answer in under_way:
        answer.close()
    assert whole(api.get(local(uploaded))) == apk("v2")


def test_get_files_of_a_bucket_from_there(api, tenant, till, settings, monkeypatch):
    for name, value in (
        ("ACCESS_KEY_ID", "test"),
        ("SECRET_ACCESS_KEY", "test"),
        ("DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="packages")
        options = {"bucket_name": "packages", "signature_version": "s3v4"}
        settings.STORAGES = settings.STORAGES | {
            "packages": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
        }
        partner = {"Authorization": f"Bearer {make_api_key(tenant.psp)}"}
        body = {"package": PACKAGE, "name": "Till", "signers": [SIGNER]}
        app = api.post("/v1/apps", body, content_type=JSON, headers=partner).json()
        path = f"/v1/apps/{app['id']}/releases"
        release = api.post(path, apk("v2"), content_type=APK, headers=partner).json()
        wish = {"release_id": release["id"], "window": "any"}
        api.post("/v1/rollouts", wish, content_type=JSON, headers=partner)
        (update,) = till.ask()["data"]
        address = urlsplit(update["url"])
        assert address.hostname == "packages.s3.amazonaws.com"
        assert parse_qs(address.query)["X-Amz-Expires"] == [str(conf.DOWNLOAD_TTL_S)]
        kept = boto3.client("s3").get_object(Bucket="packages", Key=address.path.lstrip("/"))
        assert kept["Body"].read() == apk("v2")
