"""Acting as somebody else..."""

import dataclasses

import pytest

from kernel import clock
from mpac.portal.domain.authority import EVERYTHING, Person
from mpac.portal.domain.login import EndedBecause
from mpac.portal.domain.permissions import PERMISSIONS
from mpac.portal.domain.roles import Role
from mpac.portal.errors import ImpersonationRefused
from mpac.portal.services.impersonation_tokens import issue_impersonation_token
from mpac.portal.services.impersonations import (
    Reasons,
    approve_impersonation,
    refuse_impersonation,
    request_impersonation,
)
from mpac.portal.services.people import grant_role
from mpac.portal.services.sessions import end_sessions, open_session
from tests.portal.factories import SEED, audited, make_psp, make_tenant
from tests.portal.members import call, later, make_member

WHY = {"reason": "cannot see their tills", "ticket": "HELP-1"}


@pytest.fixture
def operator(tenant):
    return make_member(Role.PLATFORM_OPERATOR, tenant)


@pytest.fixture
def admin(tenant):
    return make_member(Role.PSP_ADMIN, tenant)


@pytest.fixture
def manager(tenant):
    return make_member(Role.STORE_MANAGER, tenant)


def ask(api, by, target, **more):
    return by.call(api, "POST", "impersonations", WHY | {"user_id": target.id} | more)


def begin(api, by, target, **more):
    answer = ask(api, by, target, **more)
    assert answer.status_code == 201, answer.content
    return answer.json()


def token_of(api, by, impersonation):
    answer = by.call(api, "POST", f"impersonations/{impersonation['id']}/token")
    assert answer.status_code == 200, answer.content
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json()["access_token"]


def code_of(answer):
    return answer.status_code, answer.json().get("code")


def test_shows_what_they_see_and_changes_nothing(api, tenant, admin, manager):
    begun = begin(api, admin, manager)
    assert (begun["status"], begun["writes"], begun["minutes"]) == ("active", False, 60)
    token = token_of(api, admin, begun)
    me = call(api, token, "GET", "users/me").json()
    assert (me["id"], me["impersonated_by"]) == (manager.id, admin.id)
    assert me["permissions"] == sorted(
        name for name in manager.membership.permissions if PERMISSIONS[name].reads
    )
    assert call(api, token, "GET", f"stores/{tenant.store.id}").status_code == 200
    for method, path, body in (
        ("PATCH", f"stores/{tenant.store.id}", {"name": "New"}),
        ("POST", f"stores/{tenant.store.id}/devices", {"name": "T", "serial_number": "SN-1"}),
        ("PATCH", "users/me", {"full_name": "New"}),
        ("PATCH", "users/me/profile", {"city": "New"}),
        ("PATCH", "users/me/preferences", {"marketing_emails_enabled": True}),
    ):
        assert call(api, token, method, path, body).status_code == 403, path


def test_writes_when_a_second_person_has_approved(api, tenant, operator, admin, manager):
    asked = begin(api, admin, manager, writes=True, minutes=10)
    assert asked["status"] == "requested"
    assert admin.call(api, "POST", f"impersonations/{asked['id']}/token").status_code == 409
    assert code_of(admin.call(api, "POST", f"impersonations/{asked['id']}/approve")) == (
        403,
        "insufficient_scope",
    )
    approved = operator.call(api, "POST", f"impersonations/{asked['id']}/approve").json()
    assert (approved["status"], approved["decided_by"]) == ("active", operator.id)
    token = token_of(api, admin, asked)
    made = call(
        api, token, "POST", f"stores/{tenant.store.id}/devices", {"name": "T", "serial_number": "SN-1"}
    )
    assert made.status_code == 201
    record = audited()[-1]
    assert (record["action"], record["actor_id"], record["acting_as"]) == (
        "device.registered",
        f"user:{admin.id}",
        f"user:{manager.id}",
    )


def test_never_reaches_what_is_delicate(api, tenant, operator, admin):
    asked = begin(api, operator, admin, writes=True)
    second = make_member(Role.PLATFORM_OPERATOR, tenant)
    assert second.call(api, "POST", f"impersonations/{asked['id']}/approve").status_code == 200
    token = token_of(api, operator, asked)
    may = set(call(api, token, "GET", "users/me").json()["permissions"])
    assert may == {name for name in admin.membership.permissions if not PERMISSIONS[name].delicate}
    assert "devices:write" in may
    assert not may & {
        *("payments:write", "people:write", "roles:write", "api_keys:write", "sessions:write"),
        *("provider_configs:write", "impersonation:request", "impersonation:approve", "pgw.move_money"),
    }
    for method, path, body in (
        ("POST", "roles", {"name": "R", "permissions": ["devices:read"]}),
        ("POST", "api-keys", {"name": "K", "mode": "test"}),
        ("DELETE", f"users/{second.id}", None),
        ("POST", "impersonations", WHY | {"user_id": second.id}),
    ):
        assert call(api, token, method, path, body).status_code == 403, path


def test_is_never_begun_approved_or_taken_up_from_within_another(tenant, operator, admin, manager):
    """Over HTTP nobody comes so far: asking and approving are delicate. The services refuse it by themselves, too."""
    second, now = make_member(Role.PLATFORM_OPERATOR, tenant), clock.now()
    why = Reasons(reason="cannot see", ticket="HELP-1", minutes=60)

    def nested(somebody):
        return Person(somebody.id, EVERYTHING, impersonates=True)

    def begun(by, **more):
        return request_impersonation(
            scope=SEED, by=by, user_id=manager.id, why=dataclasses.replace(why, **more), now=now
        )

    with pytest.raises(ImpersonationRefused):
        begun(nested(operator))
    asked = begun(Person(operator.id, EVERYTHING), writes=True)
    for decide in (approve_impersonation, refuse_impersonation):
        with pytest.raises(ImpersonationRefused):
            decide(scope=SEED, by=nested(second), impersonation_id=asked.id, now=now)
    active = begun(Person(operator.id, EVERYTHING))
    with pytest.raises(ImpersonationRefused):
        issue_impersonation_token(scope=SEED, by=nested(operator), impersonation_id=active.id, now=now)


def test_is_never_oneself_nor_somebody_with_more_rights(api, tenant, operator, admin, manager):
    rival = make_member(Role.PSP_ADMIN, make_tenant())
    second = make_member(Role.PSP_ADMIN, tenant)
    auditor = make_member(Role.AUDITOR, tenant)
    for by, target in (
        (admin, admin),
        (operator, operator),
        (operator, make_member(Role.PLATFORM_OPERATOR, tenant)),
    ):
        assert code_of(ask(api, by, target))[0] in {403, 404}
    assert code_of(ask(api, admin, second))[0] == 201
    assert code_of(ask(api, admin, operator)) == (404, "not_found")
    missing = admin.call(api, "POST", "impersonations", WHY | {"user_id": 2_000_000_000})
    assert code_of(ask(api, admin, rival)) == code_of(missing) == (404, "not_found")
    for by in (manager, auditor):
        assert code_of(ask(api, by, manager)) == (403, "insufficient_scope")


def test_is_not_somebody_who_also_works_elsewhere(api, tenant, admin, manager):
    """Their token would say less than they may do, but what is done elsewhere in their name would be theirs, too."""
    begun = begin(api, admin, manager)
    other = make_psp()
    grant_role(scope=SEED, user=manager.user, role=Role.AUDITOR, psp_id=other.id, now=clock.now())
    assert code_of(ask(api, admin, manager)) == (403, "impersonation_refused")
    assert code_of(admin.call(api, "POST", f"impersonations/{begun['id']}/token")) == (
        403,
        "impersonation_refused",
    )


def test_needs_a_reason_and_a_ticket_and_ends_within_the_hour(api, admin, manager):
    for wrong in ({"reason": ""}, {"reason": "    ?"}, {"ticket": ""}, {"minutes": 61}, {"minutes": 0}):
        assert ask(api, admin, manager, **wrong).status_code == 400, wrong
    begun = begin(api, admin, manager, minutes=1)
    token = token_of(api, admin, begun)
    assert call(api, token, "GET", "users/me").status_code == 200
    with later(61):
        assert call(api, token, "GET", "users/me").status_code == 401
        assert admin.call(api, "POST", f"impersonations/{begun['id']}/token").status_code == 409


def test_ends_early_for_everybody_within_five_seconds(api, admin, manager):
    begun = begin(api, admin, manager)
    token = token_of(api, admin, begun)
    assert call(api, token, "GET", "users/me").status_code == 200
    ended = admin.call(api, "POST", f"impersonations/{begun['id']}/end").json()
    assert (ended["status"], ended["ended_by"]) == ("ended", admin.id)
    with later(5):
        assert call(api, token, "GET", "users/me").status_code == 401
        assert manager.call(api, "GET", "users/me").status_code == 200
    assert admin.call(api, "POST", f"impersonations/{begun['id']}/token").status_code == 409
    assert admin.call(api, "POST", f"impersonations/{begun['id']}/end").status_code == 409


def test_ends_when_who_impersonates_loses_their_role(api, tenant, operator, admin, manager):
    make_member(Role.PSP_ADMIN, tenant)  # so that there is another one
    token = token_of(api, admin, begin(api, admin, manager))
    path = f"users/{admin.id}/memberships/{admin.membership.pk}"
    assert operator.call(api, "DELETE", path).status_code == 200
    with later(5):
        assert call(api, token, "GET", "users/me").status_code == 401
        assert manager.call(api, "GET", "users/me").status_code == 200


def test_ends_when_who_is_impersonated_may_do_more(api, tenant, operator, admin, manager):
    begun = begin(api, admin, manager)
    token = token_of(api, admin, begun)
    more = {"role": "merchant_admin", "merchant_id": tenant.merchant.id}
    assert operator.call(api, "POST", f"users/{manager.id}/memberships", more).status_code == 201
    assert admin.call(api, "GET", f"impersonations/{begun['id']}").json()["status"] == "ended"
    with later(5):
        assert call(api, token, "GET", "users/me").status_code == 401


@pytest.mark.parametrize("end", ["password", "logout"])
def test_ends_with_the_session_of_who_impersonates(api, tenant, admin, manager, end):
    now = clock.now()
    acting, kept = (open_session(user=admin.user, method=None, known_device=None, now=now) for _ in range(2))
    begun = begin(api, admin, manager)
    path = f"impersonations/{begun['id']}/token"
    ended, going_on = (
        call(api, session.access_token, "POST", path).json()["access_token"] for session in (acting, kept)
    )
    assert call(api, ended, "GET", "users/me").status_code == 200
    if end == "password":
        end_sessions(
            scope=SEED,
            user_id=admin.id,
            why=EndedBecause.PASSWORD_CHANGED,
            keep=kept.session.id,
            now=clock.now(),
        )
    else:
        assert call(api, acting.access_token, "POST", "auth/logout").status_code < 300
    # Until every process knows that the session has ended, it still gets tokens.
    late = call(api, acting.access_token, "POST", path)
    with later(5):
        assert call(api, ended, "GET", "users/me").status_code == 401
        if late.status_code == 200:
            assert call(api, late.json()["access_token"], "GET", "users/me").status_code == 401
        assert call(api, going_on, "GET", "users/me").json()["id"] == manager.id


def test_is_decided_once_in_time_and_by_who_may(api, tenant, operator, admin, manager):
    asked = begin(api, operator, manager, writes=True)
    assert code_of(operator.call(api, "POST", f"impersonations/{asked['id']}/approve")) == (
        403,
        "impersonation_refused",
    )
    second = make_member(Role.PLATFORM_OPERATOR, tenant)
    with later(3601):
        late = make_member(Role.PLATFORM_OPERATOR, tenant)
        assert late.call(api, "POST", f"impersonations/{asked['id']}/approve").status_code == 409
    refused = second.call(api, "POST", f"impersonations/{asked['id']}/refuse").json()
    assert refused["status"] == "refused"
    assert second.call(api, "POST", f"impersonations/{asked['id']}/approve").status_code == 409
    assert operator.call(api, "POST", f"impersonations/{asked['id']}/token").status_code == 409


def test_is_kept_in_a_log(api, tenant, operator, admin, manager):
    begun = begin(api, admin, manager)
    auditor = make_member(Role.AUDITOR, tenant)
    (shown,) = auditor.call(api, "GET", f"impersonations?user_id={manager.id}").json()["data"]
    assert shown == begun | {"status": "active"}
    assert {name: shown[name] for name in ("reason", "ticket", "impersonator_id", "user_id")} == WHY | {
        "impersonator_id": admin.id,
        "user_id": manager.id,
    }
    assert manager.call(api, "GET", "impersonations").status_code == 403


def test_leaves_both_people_in_every_record(api, tenant, operator, admin, manager):
    asked = begin(api, operator, admin, writes=True)
    second = make_member(Role.PLATFORM_OPERATOR, tenant)
    second.call(api, "POST", f"impersonations/{asked['id']}/approve")
    token = token_of(api, operator, asked)
    before = len(audited())
    call(api, token, "PATCH", f"stores/{tenant.store.id}", {"name": "New"})
    call(api, token, "PATCH", f"merchants/{tenant.merchant.id}", {"name": "New"})
    found = [(each["actor_id"], each["acting_as"]) for each in audited()[before:]]
    assert found == [(f"user:{operator.id}", f"user:{admin.id}")] * 2
