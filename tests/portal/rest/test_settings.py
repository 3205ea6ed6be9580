"""Settings over HTTP..."""

import pytest

from kernel import clock, ids
from kernel.tenancy import SystemScope
from mpac.portal.db import db as portal_db
from mpac.portal.domain.settings_registry import SETTINGS
from mpac.portal.services.devices import suspend_device
from mpac.portal.services.tokens import exchange_assertion
from mpac.smarttab.db import atomic as smarttab_atomic
from mpac.smarttab.models import DeviceEvent
from tests.architecture.world import Place, person_token
from tests.delivery import deliver_all
from tests.portal.factories import SEED, make_api_key, make_store, make_tenant, make_terminal

JSON = "application/json"
COPIES = "receipt.copies"


@pytest.fixture
def put(partner, tenant):
    def call(value, version, *, level="store", owner=None, name=COPIES, **more):
        owner = tenant.store.id if owner is None else owner
        return partner.put(
            f"/v1/settings/{level}/{owner}/{name}",
            {"value": value} | more,
            content_type=JSON,
            headers={"If-Match": f'"{version}"'},
        )

    return call


@pytest.fixture
def read_config(api, terminal):
    token = exchange_assertion(assertion=terminal.assertion(), scope=None, now=clock.now()).access_token

    def call(query="", **headers):
        sent = {"Authorization": f"Bearer {token}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        return api.get(f"/v1/devices/me/config{query}", headers=sent)

    return call


def comparable(answer):
    body = answer.json()
    body.pop("request_id")
    return answer.status_code, body


def test_are_catalogued_with_the_schema_of_their_values(partner):
    found = partner.get("/v1/settings").json()["data"]
    assert [each["name"] for each in found] == list(SETTINGS)
    copies = next(each for each in found if each["name"] == COPIES)
    assert copies["schema"] == {"type": "integer", "minimum": 0, "maximum": 3}
    assert (copies["default"], copies["secret"], copies["lockable"]) == (1, False, True)
    assert copies["levels"] == ["platform", "psp", "merchant", "store", "group", "device"]


def test_are_set_explained_taken_away_and_brought_back(put, partner, tenant):
    path = f"/v1/settings/store/{tenant.store.id}/{COPIES}"
    fresh = partner.get(path)
    assert (fresh.status_code, fresh.headers["ETag"], fresh.json()["source"]) == (200, '"0"', None)
    assert put(2, 0, level="psp", owner=tenant.psp.id).status_code == 200
    inherited = partner.get(path).json()
    assert (inherited["value"], inherited["is_set"], inherited["source"]["level"]) == (2, False, "psp")
    assert inherited["source"]["set_by"].startswith("key_")
    answer = put(3, 0, reason="paper is cheap")
    assert (answer.status_code, answer.headers["ETag"], answer.json()["value"]) == (200, '"1"', 3)
    answer = partner.delete(path, headers={"If-Match": "1"})
    assert (answer.status_code, answer.json()["value"], answer.json()["version"]) == (200, 2, 2)
    history = partner.get(f"{path}/history").json()["data"]
    assert [(each["version"], each["value"], each["reason"]) for each in history] == [
        (2, None, ""),
        (1, 3, "paper is cheap"),
    ]
    answer = partner.post(f"{path}/rollback", {"version": 1}, content_type=JSON, headers={"If-Match": "2"})
    assert (answer.status_code, answer.json()["value"], answer.json()["version"]) == (200, 3, 3)
    listed = {each["name"]: each for each in partner.get(path.rpartition("/")[0]).json()["data"]}
    assert set(listed) == set(SETTINGS)
    assert (listed[COPIES]["value"], listed[COPIES]["source"]["owner"]) == (3, str(tenant.store.id))


def test_are_not_changed_by_who_has_not_seen_the_present_version(put, partner, tenant):
    assert put(2, 0).status_code == 200
    answer = put(3, 0)
    assert (answer.status_code, answer.json()["code"], answer.json()["version"]) == (
        409,
        "version_mismatch",
        1,
    )
    path = f"/v1/settings/store/{tenant.store.id}/{COPIES}"
    answer = partner.put(path, {"value": 3}, content_type=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "if_match_required")


def test_that_are_locked_above_are_refused_below(put, tenant):
    assert put(2, 0, level="merchant", owner=tenant.merchant.id, locked=True).status_code == 200
    answer = put(3, 0)
    assert (answer.status_code, answer.json()["code"], answer.json()["level"]) == (
        409,
        "setting_locked",
        "merchant",
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"value": 9}, "value"),
        ({"value": {"a": [1]}}, "value"),
        ({}, "value"),
        ({"value": 2, "locked": "yes"}, "locked"),
        ({"value": 2, "extra": 1}, "extra"),
        ({"value": 2, "reason": "x" * 501}, "reason"),
    ],
)
def test_tell_what_is_wrong_with_a_value(partner, tenant, body, field):
    path = f"/v1/settings/store/{tenant.store.id}/{COPIES}"
    answer = partner.put(path, body, content_type=JSON, headers={"If-Match": "0"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert partner.get(path).json()["version"] == 0


def test_of_absurd_size_are_refused_unread(put):
    assert put(["x" * 20_000], 0, name="receipt.header_lines").status_code == 413


def test_at_levels_where_they_do_not_belong_are_refused(put):
    answer = put(60, 0, name="fleet.heartbeat_interval_s")
    assert (answer.status_code, answer.json()["code"]) == (400, "setting_not_at_level")
    assert answer.json()["allowed"] == ["platform", "psp"]


def test_at_places_of_others_look_like_those_that_are_not_there(partner, tenant):
    other = make_tenant()
    terminal = make_terminal(other.store)
    places = [
        *(("psp", other.psp.id), ("merchant", other.merchant.id), ("store", other.store.id)),
        *(("device", terminal.client_id), ("device", ids.encode("dev", ids.uuid7())), ("device", "x")),
        *(("store", 999_999), ("store", "1e3"), ("store", "9" * 30), ("store", "-1"), ("platform", "all")),
        *(("planet", 1), ("group", "x")),
    ]
    answers = []
    for level, owner in places:
        path = f"/v1/settings/{level}/{owner}"
        answers.append(partner.get(path))
        answers.append(partner.get(f"{path}/{COPIES}"))
        answers.append(
            partner.put(f"{path}/{COPIES}", {"value": 2}, content_type=JSON, headers={"If-Match": "0"})
        )
        answers.append(partner.delete(f"{path}/{COPIES}", headers={"If-Match": "0"}))
        answers.append(partner.post(f"{path}/{COPIES}/preview", {"value": 2}, content_type=JSON))
        answers.append(partner.get(f"{path}/{COPIES}/history"))
        answers.append(
            partner.post(
                f"{path}/{COPIES}/rollback", {"version": 1}, content_type=JSON, headers={"If-Match": "0"}
            )
        )
    answers.append(partner.get(f"/v1/settings/store/{tenant.store.id}/no.such"))
    assert {answer.status_code for answer in answers} == {404}
    assert len({str(comparable(answer)) for answer in answers}) == 1


def test_need_their_permissions(api, tenant):
    path = f"/v1/settings/store/{tenant.store.id}/{COPIES}"

    def with_key(*scopes):
        return {"Authorization": f"Bearer {make_api_key(tenant.psp, scopes=scopes)}", "If-Match": "0"}

    assert api.get(path, headers=with_key("devices:read")).status_code == 403
    call = {"path": path, "data": {"value": 2}, "content_type": JSON}
    assert api.put(**call, headers=with_key("settings:read")).status_code == 403
    locked = call | {"data": {"value": 2, "locked": True}}
    answer = api.put(**locked, headers=with_key("settings:write"))
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert api.put(**locked, headers=with_key("settings:write", "settings:lock")).status_code == 200


def test_above_ones_own_reach_are_seen_and_not_changed(api, tenant):
    names = {"psp_id": tenant.psp.id, "merchant_id": tenant.merchant.id, "store_id": tenant.store.id}
    names |= {"caller_id": 1}
    token = person_token(Place(names, []), "psp_id", "merchant_id", "store_id")
    headers = {"Authorization": f"Bearer {token}", "If-Match": "0"}
    for level, owner in (("psp", tenant.psp.id), ("merchant", tenant.merchant.id)):
        path = f"/v1/settings/{level}/{owner}/{COPIES}"
        assert api.get(path, headers=headers).status_code == 200
        assert api.put(path, {"value": 2}, content_type=JSON, headers=headers).status_code == 403
        assert api.delete(path, headers=headers).status_code == 403
    sibling = make_store(tenant.merchant)
    assert api.get(f"/v1/settings/store/{sibling.id}/{COPIES}", headers=headers).status_code == 404
    own = f"/v1/settings/store/{tenant.store.id}/{COPIES}"
    assert api.put(own, {"value": 2}, content_type=JSON, headers=headers).status_code == 200


def test_of_the_platform_are_its_operators_affair_and_name_nobody_of_them(api, tenant, read_config):
    headers = {"Authorization": f"Bearer {person_token(scopes=['platform'])}", "If-Match": "0"}
    path = f"/v1/settings/platform/all/{COPIES}"
    answer = api.put(path, {"value": 2, "locked": True}, content_type=JSON, headers=headers)
    assert (answer.status_code, answer.json()["source"]["set_by"]) == (200, "user:1")
    theirs = {"Authorization": f"Bearer {make_api_key(tenant.psp)}"}
    seen = api.get(f"/v1/settings/store/{tenant.store.id}/{COPIES}", headers=theirs).json()
    assert (seen["value"], seen["source"]["level"], seen["source"]["set_by"]) == (2, "platform", "platform")
    explained = read_config("?explain=true").json()["explain"][COPIES]
    assert (explained["level"], explained["locked"], explained["set_by"]) == ("platform", True, "platform")


def test_are_previewed_without_a_change(partner, tenant, terminal):
    path = f"/v1/settings/psp/{tenant.psp.id}/{COPIES}"
    answer = partner.post(f"{path}/preview", {"value": 2}, content_type=JSON)
    shown = answer.json()
    assert shown.pop("created_at")
    assert shown == {
        "id": f"psp:{tenant.psp.id}/{COPIES}",
        "devices": 1,
        "devices_touched": 1,
        "locked_by": None,
        "object": "setting_preview",
    }
    assert partner.post(f"{path}/preview", {}, content_type=JSON).json()["devices_touched"] == 0
    assert partner.post(f"{path}/preview", {"value": 9}, content_type=JSON).status_code == 400
    assert partner.get(path).json()["version"] == 0


def test_are_read_by_terminals_and_not_again_until_they_change(read_config, put, terminal, tenant):
    first = read_config()
    assert (first.status_code, first.json()["id"], first.json()["values"][COPIES]) == (
        200,
        terminal.client_id,
        1,
    )
    assert set(first.json()["values"]) == set(SETTINGS)
    assert "explain" not in first.json()
    tag = first.headers["ETag"]
    again = read_config(If_None_Match=tag)
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert read_config(If_None_Match=f'"1", W/{tag}').status_code == 304
    put(2, 0)
    changed = read_config(If_None_Match=tag)
    assert (changed.status_code, changed.json()["values"][COPIES]) == (200, 2)
    explained = read_config("?explain=true").json()["explain"]
    assert (explained[COPIES]["level"], explained[COPIES]["owner"]) == ("store", str(tenant.store.id))
    assert explained["receipt.print"]["level"] is None
    put(1, 1)
    assert read_config(If_None_Match=tag).status_code == 200  # the default again, but somebody says so
    assert read_config("?explain=perhaps").status_code == 400


def test_that_are_secret_are_told_to_the_terminal_alone(read_config, put, partner, tenant):
    name, secret = "network.wifi_password", "correct horse"
    answer = put(secret, 0, name=name)
    assert (answer.status_code, answer.json()["is_set"], answer.json()["value"]) == (200, True, None)
    path = f"/v1/settings/store/{tenant.store.id}"
    for tail in ("", f"/{name}", f"/{name}/history"):
        assert secret not in partner.get(path + tail).content.decode()
    read = read_config("?explain=true")
    assert read.json()["values"][name] == secret
    assert read.headers["Cache-Control"] == "private, no-cache"


def test_are_read_by_one_question_however_much_is_set(read_config, put, tenant, django_assert_num_queries):
    def count():
        with django_assert_num_queries(1, using=portal_db.alias):  # the scope travels with it
            assert read_config().status_code == 200

    read_config()
    count()
    for name, value in (("receipt.copies", 2), ("tips.enabled", True), ("display.language", "th")):
        put(value, 0, name=name)
        put(value, 0, name=name, level="psp", owner=tenant.psp.id)
    count()


def told(*terminals):
    with smarttab_atomic(SystemScope("realtime")):
        rows = DeviceEvent.objects.order_by("seq").values_list("device_id", "type", "data")
        events = [(device_id, kind, data) for device_id, kind, data in rows]
    return [
        [(kind, data["id"]) for device_id, kind, data in events if device_id == terminal.device_id]
        for terminal in terminals
    ]


def test_reach_the_logs_of_the_terminals_that_they_touch(put, tenant, terminal, monkeypatch):
    """Also those far away from the beginning: each part of the news brings the next one about."""
    monkeypatch.setattr("mpac.portal.services.config_news.AT_A_TIME", 2)
    fleet = [terminal, *(make_terminal(make_store(tenant.merchant)) for _ in range(4))]
    stranger = make_terminal(make_tenant().store)
    suspend_device(scope=SEED, device_id=fleet[4].device_id, actor="test", now=clock.now())
    put(2, 0)
    deliver_all([portal_db])
    told_store = [("config.changed", terminal.client_id)]
    assert told(*fleet, stranger) == [told_store, [], [], [], [], []]
    put(3, 0, level="psp", owner=tenant.psp.id)
    deliver_all([portal_db])
    everybody = [[("config.changed", each.client_id)] for each in fleet]
    assert told(*fleet, stranger) == [*everybody, []]  # the first holds what it held before
    deliver_all([portal_db])
    assert told(*fleet, stranger) == [*everybody, []]
