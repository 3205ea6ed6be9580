"""The audit trail over HTTP ..."""

import datetime as dt

import pytest

from kernel import clock
from kernel.tenancy import SystemScope
from mpac.audit.db import atomic
from mpac.audit.models import AuditEvent
from mpac.portal.db import db as portal_db
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.services import devices, hierarchy
from mpac.portal.services.api_keys import api_key_reader
from mpac.portal.services.signing_keys import ensure_signing_key
from mpac.portal.services.trust import trust_reader
from tests.architecture.world import person_token
from tests.delivery import deliver_all
from tests.portal.factories import (
    SEED,
    make_api_key,
    make_profile,
    make_psp,
    make_tenant,
    make_terminal,
    seconds,
)


@pytest.fixture
def tenant(database):
    api_key_reader.forget()
    return make_tenant()


@pytest.fixture
def call(api):
    def get(credential: str, query: str = ""):
        deliver_all([portal_db])
        return api.get(f"/v1/audit-events{query}", headers={"Authorization": f"Bearer {credential}"})

    return get


def actions(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [event["action"] for event in answer.json()["data"]]


def test_shows_a_provider_its_own_records_newest_first(call, tenant):
    key = make_api_key(tenant.psp)
    make_psp()
    answer = call(key)
    assert sorted(actions(answer)) == ["api_key.issued", "merchant.created", "psp.created", "store.created"]
    data = answer.json()["data"]
    assert [event["id"] for event in data] == sorted((event["id"] for event in data), reverse=True)
    (store,) = [event for event in data if event["action"] == "store.created"]
    assert (store["object"], store["object_type"], store["object_id"]) == (
        "audit_event",
        "store",
        str(tenant.store.id),
    )
    assert store["after"]["code"] == tenant.store.code
    assert (store["actor_kind"], store["actor_id"], store["acting_as"]) == ("system", "platform", None)


def test_shows_an_operator_of_the_platform_all(call, tenant):
    ensure_signing_key(now=clock.now())
    trust_reader.forget()
    token = person_token(scopes=["platform"])
    found = call(token).json()["data"]
    assert {event["psp_id"] for event in found} == {None, tenant.psp.id}  # a signing key belongs to nobody


@pytest.mark.parametrize("scopes", [("hierarchy:read",), ("payments:read", "payments:write")])
def test_is_closed_to_who_has_no_permission_for_it(call, tenant, scopes):
    answer = call(make_api_key(tenant.psp, scopes=scopes))
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


def test_is_closed_to_terminals_and_strangers(api, call, tenant):
    assert api.get("/v1/audit-events").status_code == 401
    assert api.post("/v1/audit-events").status_code == 405


def test_can_be_narrowed_down(call, tenant):
    key, device = make_api_key(tenant.psp), make_terminal(tenant.store)
    devices.suspend_device(
        scope=SEED, device_id=device.device_id, actor="test", reason="lost", now=clock.now()
    )
    own = f"object_id={device.client_id}"
    assert sorted(actions(call(key, f"?{own}"))) == [
        "device.activated",
        "device.registered",
        "device.suspended",
    ]
    assert actions(call(key, f"?{own}&action=device.suspended")) == ["device.suspended"]
    assert actions(call(key, f"?actor={device.client_id}")) == ["device.activated"]
    assert actions(call(key, "?object_type=store")) == ["store.created"]
    assert actions(call(key, "?object_type=store&action=psp.created")) == []


def test_can_be_narrowed_down_by_time(call, tenant):
    key = make_api_key(tenant.psp)
    soon, long_ago = clock.rfc3339(clock.now() + seconds(60)), "2020-01-01T00:00:00Z"
    assert len(actions(call(key, f"?created_from={long_ago}&created_before={soon}"))) == 4
    assert actions(call(key, f"?created_from={soon}")) == []
    assert actions(call(key, f"?created_before={long_ago}")) == []


@pytest.mark.parametrize(
    "query", ["?created_from=yesterday", "?action=DROP", "?limit=0", "?who=me", "?actor="]
)
def test_refuses_a_filter_that_is_none(call, tenant, query):
    answer = call(make_api_key(tenant.psp), query)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, query[1:].partition("=")[0])


def test_pages_through_all_of_it_once(call, tenant):
    key = make_api_key(tenant.psp)
    found, cursor = [], ""
    while cursor is not None:
        answer = call(key, f"?limit=3{cursor and '&cursor='}{cursor}").json()
        found += [event["id"] for event in answer["data"]]
        cursor = answer["next_cursor"]
    assert len(found) == len(set(found)) == 4


def test_keeps_live_and_test_apart(call, tenant):
    test, live = make_api_key(tenant.psp), make_api_key(tenant.psp, mode=ApiKeyMode.LIVE)
    make_terminal(tenant.store, livemode=True)
    assert "device.activated" not in actions(call(test))
    assert "device.activated" in actions(call(live))
    assert "store.created" in actions(call(live))


def test_finds_what_was_done_as_somebody(call, tenant):
    key = make_api_key(tenant.psp)
    call(key)
    with atomic(SystemScope("invariants")):
        one = AuditEvent.objects.get(action="store.created")
        one.pk, one.acting_as = None, "user:7"
        one._state.adding = True
        one.id = AuditEvent._meta.pk.get_default()
        one.created_at = clock.now() + dt.timedelta(seconds=1)
        one.save(force_insert=True)
    (found,) = call(key, "?actor=user:7").json()["data"]
    assert (found["actor_id"], found["acting_as"]) == ("platform", "user:7")


def test_says_nothing_about_changes_that_were_refused(call, tenant):
    key = make_api_key(tenant.psp)
    before = len(actions(call(key)))
    with pytest.raises(Exception, match="No such object"):
        hierarchy.create_store(scope=SEED, merchant_id=2_000_000_000, profile=make_profile(), now=clock.now())
    assert len(actions(call(key))) == before
