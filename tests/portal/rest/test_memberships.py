"""A role..."""

import pytest

from mpac.portal.domain.roles import Role
from tests.portal.factories import make_tenant
from tests.portal.members import later, make_member, make_user


@pytest.fixture
def admin(tenant):
    return make_member(Role.PSP_ADMIN, tenant)


def grant(api, by, user_id, **body):
    return by.call(api, "POST", f"users/{user_id}/memberships", body)


def code_of(answer):
    return answer.status_code, answer.json().get("code")


def test_is_given_only_by_who_holds_it_and_never_to_oneself(api, tenant, admin):
    merchant_admin = make_member(Role.MERCHANT_ADMIN, tenant)
    cashier = make_member(Role.CASHIER, tenant)
    merchant = {"merchant_id": tenant.merchant.id}
    assert grant(api, merchant_admin, cashier.id, role="merchant_admin", **merchant).status_code == 201
    for role, place in (("auditor", merchant), ("psp_admin", {}), ("platform_operator", {})):
        assert code_of(grant(api, merchant_admin, cashier.id, role=role, **place)) == (
            403,
            "beyond_own_rights",
        )
    assert code_of(grant(api, admin, admin.id, role="auditor")) == (403, "own_membership")
    mine = f"users/{admin.id}/memberships/{admin.membership.pk}"
    assert code_of(admin.call(api, "DELETE", mine)) == (403, "own_membership")
    assert code_of(grant(api, admin, make_user().pk, role="auditor")) == (404, "not_found")
    assert code_of(grant(api, admin, 2_000_000_000, role="auditor")) == (404, "not_found")


def test_of_the_last_administrator_stays(api, tenant, admin):
    operator = make_member(Role.PLATFORM_OPERATOR, tenant)
    path = f"users/{admin.id}/memberships/{admin.membership.pk}"
    for method, target, body in (
        ("DELETE", path, None),
        ("DELETE", f"users/{admin.id}", None),
        ("PATCH", f"users/{admin.id}", {"status": "deactivated"}),
    ):
        assert code_of(operator.call(api, method, target, body)) == (409, "last_administrator")
    make_member(Role.PSP_ADMIN, tenant)
    assert operator.call(api, "DELETE", path).status_code == 200


def test_that_is_withdrawn_refuses_its_tokens_within_five_seconds(api, tenant, admin):
    manager = make_member(Role.STORE_MANAGER, tenant)
    assert manager.call(api, "GET", "users/me").status_code == 200
    path = f"users/{manager.id}/memberships/{manager.membership.pk}"
    assert admin.call(api, "DELETE", path).status_code == 200
    with later(5):
        assert manager.call(api, "GET", "users/me").status_code == 401


def test_that_a_provider_made_is_of_what_its_maker_holds(api, tenant, admin):
    body = {"name": "Fleet", "permissions": ["devices:read"]}
    role = admin.call(api, "POST", "roles", body).json()
    assert code_of(admin.call(api, "POST", "roles", body | {"name": "FLEET"})) == (409, "role_name_taken")
    for wrong, expected in (
        (["impersonation:approve"], (403, "beyond_own_rights")),
        (["no:such"], (400, "invalid")),
    ):
        answer = admin.call(api, "POST", "roles", {"name": "X", "permissions": wrong})
        assert code_of(answer) == expected
    cashier = make_member(Role.CASHIER, tenant)
    held = grant(api, admin, cashier.id, role="custom", role_id=role["id"], store_id=tenant.store.id).json()
    assert held["permissions"] == ["devices:read"]
    change = {"permissions": ["devices:read", "devices:write"]}
    path = f"roles/{role['id']}"
    assert admin.call(api, "PATCH", path, change).status_code == 400  # which version?
    changed = admin.call(api, "PATCH", path, change, headers={"If-Match": "1"}).json()
    assert (changed["version"], changed["permissions"]) == (2, change["permissions"])
    again = admin.call(api, "PATCH", path, change, headers={"If-Match": "1"})
    assert code_of(again) == (409, "version_changed")
    with later(5):
        assert cashier.call(api, "GET", "users/me").status_code == 401
    assert code_of(admin.call(api, "DELETE", path)) == (409, "role_in_use")
    rival = make_member(Role.PSP_ADMIN, make_tenant())
    assert code_of(rival.call(api, "GET", path)) == (404, "not_found")


def test_tell_nobody_whose_telephone_number_it_is(api, tenant):
    """A refusal would say that somebody else has it, at whatever provider."""
    number = {"phone_number": "+66812345678"}
    for each in (make_member(Role.CASHIER, tenant), make_member(Role.CASHIER, make_tenant())):
        shown = each.call(api, "PATCH", "users/me", number)
        assert (shown.status_code, shown.json()["phone_number"]) == (200, number["phone_number"])


def test_and_more_about_oneself_are_ones_own_to_change(api, tenant):
    cashier = make_member(Role.CASHIER, tenant)
    shown = cashier.call(api, "PATCH", "users/me", {"full_name": "Malee", "phone_number": "+66812345678"})
    assert (shown.json()["full_name"], shown.json()["phone_number"]) == ("Malee", "+66812345678")
    profile = {
        "first_name": "Malee",
        "date_of_birth": "1990-02-28",
        "country": "TH",
        "time_zone": "Asia/Bangkok",
    }
    assert (
        cashier.call(api, "PATCH", "users/me/profile", profile).json() | profile
        == cashier.call(api, "GET", "users/me/profile").json()
    )
    for wrong in (
        {"date_of_birth": "2190-01-01"},
        {"time_zone": "Mars/Base"},
        {"country": "ZZ"},
        {"nick": "x"},
    ):
        assert cashier.call(api, "PATCH", "users/me/profile", wrong).status_code == 400, wrong
    chosen = cashier.call(api, "PATCH", "users/me/preferences", {"marketing_emails_enabled": True}).json()
    assert (chosen["marketing_emails_enabled"], chosen["email_notifications_enabled"]) == (True, True)
