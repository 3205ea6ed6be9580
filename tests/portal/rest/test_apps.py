"""Apps and their releases over HTTP..."""

import hashlib

import pytest
from django.db import IntegrityError

from kernel import ids
from kernel.tenancy import SystemScope
from mpac.portal.adapters.packages import open_package
from mpac.portal.db import atomic
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.models import AppRelease
from tests.architecture.world import person_token
from tests.portal.apks import PACKAGE, SIGNER, STRANGER, apk
from tests.portal.factories import audited, make_api_key, make_tenant, published

JSON, APK = "application/json", "application/vnd.android.package-archive"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.MPAC_PACKAGES_DIR = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "packages": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        }
    }
    return tmp_path


@pytest.fixture
def app(partner):
    return make_app(partner)


def make_app(client, **changes):
    body = {"package": PACKAGE, "name": "Till", "signers": [SIGNER]} | changes
    answer = client.post("/v1/apps", body, content_type=JSON)
    assert answer.status_code == 201, answer.content
    return answer.json()


def upload(client, app, data, **headers):
    return client.post(f"/v1/apps/{app['id']}/releases?notes=Better", data, content_type=APK, headers=headers)


def refusal(answer):
    return answer.status_code, answer.json()["code"]


def releases(client, app):
    return client.get(f"/v1/apps/{app['id']}/releases").json()["data"]


def test_are_entered_changed_and_listed(partner, app):
    assert (app["package"], app["channels"], app["version_code"]) == (PACKAGE, ["stable", "beta"], 0)
    path = f"/v1/apps/{app['id']}"
    changed = partner.patch(path, {"channels": ["stable", "canary"]}, content_type=JSON).json()
    assert changed["channels"] == ["stable", "canary"]
    assert partner.get(path).json() == changed
    assert partner.get(f"/v1/apps?package={PACKAGE}").json()["data"] == [changed]
    assert [event["action"] for event in audited()][-2:] == ["app.created", "app.changed"]


@pytest.mark.parametrize(
    "changes",
    [
        {"package": "nonsense"},
        {"signers": []},
        {"signers": ["abc"]},
        {"signers": [SIGNER, SIGNER]},
        {"channels": ["Stable"]},
        {"channels": ["a", "a"]},
        {"more": 1},
    ],
)
def test_with_a_fault_are_refused(partner, changes):
    body = {"package": PACKAGE, "name": "Till", "signers": [SIGNER]} | changes
    assert partner.post("/v1/apps", body, content_type=JSON).status_code == 400


def test_are_unique_in_their_owner_and_not_the_platforms(partner, app, tenant):
    body = {"package": PACKAGE, "name": "Till", "signers": [SIGNER]}
    assert refusal(partner.post("/v1/apps", body, content_type=JSON)) == (409, "package_taken")
    own = {"Authorization": f"Bearer {make_api_key(make_tenant().psp)}"}
    assert partner.post("/v1/apps", body, content_type=JSON, headers=own).status_code == 201
    operator = {"Authorization": f"Bearer {person_token(scopes=['platform'])}"}
    of_all = body | {"package": "com.example.launcher"}
    entered = partner.post("/v1/apps", of_all, content_type=JSON, headers=operator).json()
    assert entered["psp_id"] is None
    assert refusal(partner.post("/v1/apps", of_all, content_type=JSON)) == (409, "package_taken")
    # Everybody sees the platform's, and nobody else changes it.
    assert partner.get(f"/v1/apps/{entered['id']}").json() == entered
    answer = partner.patch(f"/v1/apps/{entered['id']}", {"name": "Mine"}, content_type=JSON)
    assert refusal(answer) == (403, "forbidden")
    assert refusal(upload(partner, entered, apk("v2"))) == (403, "forbidden")


def test_of_the_platform_take_no_package_that_a_provider_has(partner, app):
    operator = {"Authorization": f"Bearer {person_token(scopes=['platform'])}"}
    body = {"package": PACKAGE, "name": "Till", "signers": [SIGNER]}
    answer = partner.post("/v1/apps", body, content_type=JSON, headers=operator)
    assert refusal(answer) == (409, "package_taken")


def test_let_the_notes_of_a_release_be_written_anew_and_nothing_else(partner, app):
    release = upload(partner, app, apk("v2")).json()
    path = f"/v1/apps/{app['id']}/releases/{release['id']}"
    changed = partner.patch(path, {"notes": "Mends the printer"}, content_type=JSON)
    assert changed.json() == release | {"notes": "Mends the printer"} == partner.get(path).json()
    entry = audited()[-1]
    assert (entry["action"], entry["before"], entry["after"]) == (
        "app_release.notes_changed",
        {"notes": release["notes"]},
        {"notes": "Mends the printer"},
    )
    count = len(audited())
    assert partner.patch(path, {"notes": "Mends the printer"}, content_type=JSON).status_code == 200
    assert len(audited()) == count
    assert partner.patch(path, {"sha256": "0" * 64}, content_type=JSON).status_code == 400
    for change in ({"sha256": "0" * 64}, {"notes": "", "version_code": 9}):
        with pytest.raises(IntegrityError, match="append-only"), atomic(SystemScope("seed")):
            AppRelease.objects.update(**change)


def test_take_a_release_with_what_was_proved_about_it(partner, app, folder):
    answer = upload(partner, app, apk("v2-v3"))
    assert answer.status_code == 201, answer.content
    release = answer.json()
    assert release["sha256"] == hashlib.sha256(apk("v2-v3")).hexdigest()
    assert (release["version_code"], release["version_name"], release["min_sdk"]) == (3, "1.3", 24)
    assert (release["signature_scheme"], release["signers"]) == (3, [SIGNER])
    assert (release["size_bytes"], release["notes"]) == (len(apk("v2-v3")), "Better")
    assert partner.get(f"/v1/apps/{app['id']}/releases/{release['id']}").json() == release
    assert releases(partner, app) == [release]
    with atomic(SystemScope("seed")):
        kept = AppRelease.objects.get()
    with open_package(kept.stored_as) as file:
        assert file.read() == apk("v2-v3")
    assert list((folder / "incoming").iterdir()) == []
    assert [event["version_code"] for event in published("portal.release_uploaded")] == [3]
    assert audited()[-1]["action"] == "app_release.uploaded"


def test_take_the_same_file_twice_as_one_release(partner, app):
    first, second = upload(partner, app, apk("v2")), upload(partner, app, apk("v2"))
    assert (first.status_code, second.json()) == (201, first.json())
    assert len(published("portal.release_uploaded")) == 1


def test_only_go_forward(partner, app):
    assert upload(partner, app, apk("v3")).status_code == 201
    assert refusal(upload(partner, app, apk("v2"))) == (409, "version_code_not_higher")
    assert upload(partner, app, apk("v2-v3")).status_code == 201
    assert [release["version_code"] for release in releases(partner, app)] == [3, 2]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (apk("stranger"), "apk_signer_not_allowed"),
        (apk("v1-only"), "apk_not_signed"),
        (apk("v2")[:-1], "apk_malformed"),
        (b"PK", "apk_malformed"),
        (apk("v2").replace(b"demonstration", b"demonstratioN"), "apk_signature_invalid"),
    ],
)
def test_refuse_a_file_that_is_not_theirs_and_keep_nothing(partner, app, folder, data, code):
    assert refusal(upload(partner, app, data)) == (400, code)
    assert releases(partner, app) == []
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_refuse_another_package(partner):
    other = make_app(partner, package="com.example.other")
    answer = upload(partner, other, apk("v2"))
    assert refusal(answer) == (400, "apk_package_mismatch")
    assert PACKAGE in answer.json()["detail"]


def test_refuse_what_is_too_large_or_of_another_type_before_it_is_read(partner, app, settings):
    settings.MPAC_MAX_PACKAGE_BYTES = 1000
    assert refusal(upload(partner, app, apk("v2"))) == (413, "body_too_large")
    answer = partner.post(f"/v1/apps/{app['id']}/releases", b"{}", content_type=JSON)
    assert refusal(answer) == (415, "unsupported_media_type")


def test_of_another_provider_look_like_missing_ones(partner):
    theirs = {"Authorization": f"Bearer {make_api_key(make_tenant().psp)}"}
    other = partner.post(
        "/v1/apps",
        {"package": PACKAGE, "name": "T", "signers": [STRANGER]},
        content_type=JSON,
        headers=theirs,
    ).json()
    for name in (other["id"], ids.encode("app", ids.uuid7()), "app_x"):
        assert partner.get(f"/v1/apps/{name}").status_code == 404
        assert partner.get(f"/v1/apps/{name}/releases").status_code == 404
        assert upload(partner, {"id": name}, apk("v2")).status_code == 404
        assert partner.patch(f"/v1/apps/{name}", {"name": "N"}, content_type=JSON).status_code == 404
    assert partner.get("/v1/apps").json()["data"] == []


def test_of_test_and_live_do_not_mix(partner, app, tenant):
    live = {"Authorization": f"Bearer {make_api_key(tenant.psp, mode=ApiKeyMode.LIVE)}"}
    assert partner.get(f"/v1/apps/{app['id']}", headers=live).status_code == 404
    assert upload(partner, app, apk("v2"), **live).status_code == 404
    # What a person enters is of both modes; no key of one mode changes it.
    person = {"Authorization": f"Bearer {person_of(tenant)}"}
    both = partner.post(
        "/v1/apps",
        {"package": "com.example.both", "name": "Both", "signers": [SIGNER]},
        content_type=JSON,
        headers=person,
    ).json()
    for headers in ({}, live):
        assert partner.get(f"/v1/apps/{both['id']}", headers=headers).status_code == 200
        answer = partner.patch(f"/v1/apps/{both['id']}", {"name": "N"}, content_type=JSON, headers=headers)
        assert refusal(answer) == (403, "forbidden")


def person_of(tenant):
    place = type("Place", (), {"names": {"psp_id": tenant.psp.id, "caller_id": 1}})
    return person_token(place, "psp_id")
