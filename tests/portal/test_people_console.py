"""People in the console..."""

import pytest

from kernel import clock
from kernel.origin import origin
from mpac.portal.admin.impersonating import ImpersonationMiddleware
from mpac.portal.db import atomic
from mpac.portal.domain.authority import EVERYTHING, Person
from mpac.portal.domain.roles import Role
from mpac.portal.models import CustomRole, Impersonation, Invitation, Membership, Session
from mpac.portal.services.impersonations import Reasons, request_impersonation
from mpac.portal.services.sessions import open_session
from tests.portal.factories import SEED, audited, get_device, make_tenant, make_terminal
from tests.portal.members import later, make_member
from tests.portal.test_admin import make_person, sign_in

WHY = {"reason": "cannot see their tills", "ticket": "HELP-1", "minutes": 15}


@pytest.fixture
def staff(tenant):
    return sign_in(*make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id))[0]


@pytest.fixture
def manager(tenant):
    return make_member(Role.STORE_MANAGER, tenant)


def test_are_seen_as_they_see_themselves_and_nothing_is_changed(staff, tenant, manager):
    page = f"/admin/portal/user/{manager.id}/"
    assert "See as this person" in staff.get(f"{page}change/").content.decode()
    begun = staff.post(f"{page}impersonate/", WHY)
    assert begun.status_code == 302, begun.content
    for path in ("/admin/", "/admin/portal/device/", "/admin/portal/store/"):
        shown = staff.get(path)
        assert shown.status_code == 200, path
        text = shown.content.decode()
        assert 'class="impersonating"' in text, path
        assert manager.user.email in text
        assert f"store {tenant.store.id}" in text
        assert 'class="object-tools"' not in text
    before = len(audited())
    assert (
        staff.post(
            "/admin/portal/invitation/invite/", {"email": "a@example.com", "role": "cashier"}
        ).status_code
        == 403
    )
    assert staff.post("/admin/password_change/", {}).status_code == 403
    assert staff.get("/admin/password_change/").status_code == 403
    assert staff.post(f"{page}impersonate/", WHY).status_code == 403
    assert len(audited()) == before
    assert staff.post("/admin/portal/impersonation/stop/").status_code == 302
    assert 'class="impersonating"' not in staff.get("/admin/").content.decode()
    with atomic(SEED):
        assert Impersonation.objects.get().status == "ended"


def test_do_nothing_in_the_console_that_somebody_else_does_as_them(staff, tenant, manager):
    """Although they may do it themselves."""
    terminal = make_terminal(tenant.store)
    page = f"/admin/portal/device/{terminal.device_id}/suspend/"
    assert staff.post(f"/admin/portal/user/{manager.id}/impersonate/", WHY).status_code == 302
    assert staff.post(page, {"reason": "lost"}).status_code == 403
    assert get_device(terminal.device_id).status == "active"
    assert staff.post("/admin/portal/impersonation/stop/").status_code == 302
    assert staff.post(page, {"reason": "lost"}).status_code == 302
    assert get_device(terminal.device_id).status == "suspended"


def test_are_named_with_who_sees_the_console_as_them(tenant, rf):
    """Whatever a page of theirs wrote down would say both."""
    now, admin, manager = (
        clock.now(),
        make_member(Role.PSP_ADMIN, tenant),
        make_member(Role.STORE_MANAGER, tenant),
    )
    why = Reasons(reason="cannot see", ticket="HELP-1", minutes=15, in_console=True)
    by = Person(admin.id, EVERYTHING)
    request_impersonation(scope=SEED, by=by, user_id=manager.id, why=why, now=now)
    seen = []
    request = rf.get("/admin/")
    request.user = admin.user
    ImpersonationMiddleware(lambda _request: seen.append(origin()))(request)
    assert [(each.id, each.acting_as) for each in seen] == [(f"user:{admin.id}", f"user:{manager.id}")]
    assert request.user.pk == manager.id


def test_are_seen_so_no_longer_than_was_asked_for(staff, manager):
    staff.post(f"/admin/portal/user/{manager.id}/impersonate/", WHY)
    with later(15 * 60 - 5):
        assert 'class="impersonating"' in staff.get("/admin/").content.decode()
    with later(15 * 60 + 1):
        assert 'class="impersonating"' not in staff.get("/admin/").content.decode()


def test_are_invited_granted_and_withdrawn(staff, tenant, manager):
    place = {"psp_id": tenant.psp.id, "merchant_id": tenant.merchant.id, "store_id": tenant.store.id}
    invited = staff.post(
        "/admin/portal/invitation/invite/", {"email": "n@example.com", "role": "cashier"} | place
    )
    assert invited.status_code == 302, invited.content
    with atomic(SEED):
        invitation = Invitation.objects.get(email="n@example.com")
    for step in ("resend", "withdraw"):
        assert staff.post(f"/admin/portal/invitation/{invitation.pk}/{step}/").status_code == 302
    with atomic(SEED):
        invitation.refresh_from_db()
    assert (invitation.status, invitation.times_sent) == ("withdrawn", 2)
    granted = staff.post(f"/admin/portal/user/{manager.id}/grant/", {"role": "cashier"} | place)
    assert granted.status_code == 302, granted.content
    with atomic(SEED):
        held = Membership.objects.get(user_id=manager.id, role=Role.CASHIER)
    assert staff.post(f"/admin/portal/membership/{held.pk}/withdraw/").status_code == 302
    with atomic(SEED):
        assert not Membership.objects.filter(pk=held.pk).exists()
    assert (
        staff.post(f"/admin/portal/user/{manager.id}/deactivate/").status_code == 403
    )  # the platform's to do


def test_are_not_given_what_the_one_who_gives_does_not_hold(staff, manager):
    refused = staff.post(f"/admin/portal/user/{manager.id}/grant/", {"role": "platform_operator"})
    assert refused.status_code == 200
    assert "Nobody can give" in refused.content.decode()


def roles():
    with atomic(SEED):
        return {role.name: sorted(role.permissions) for role in CustomRole.objects.all()}


def test_have_roles_of_their_provider_that_are_made_changed_granted_and_deleted(staff, tenant, manager):
    page = staff.get("/admin/portal/customrole/create/").content.decode()
    assert f'value="{tenant.psp.id}"' in page
    assert 'value="devices:write"' in page
    assert "platform:write" not in page
    form = {"psp_id": tenant.psp.id, "name": "Fleet", "permissions": ["devices:read"]}
    made = staff.post("/admin/portal/customrole/create/", form)
    assert made.status_code == 302, made.content
    assert "provider has a role" in staff.post("/admin/portal/customrole/create/", form).content.decode()
    with atomic(SEED):
        role = CustomRole.objects.get()
    address = f"/admin/portal/customrole/{role.pk}"
    changed = {"name": "Fleet", "permissions": ["devices:read", "devices:write"], "version": 1}
    assert "see terminals" in staff.get(f"{address}/change/").content.decode()
    assert staff.post(f"{address}/edit/", changed).status_code == 302
    assert "changed meanwhile" in staff.post(f"{address}/edit/", changed).content.decode()
    assert roles() == {"Fleet": ["devices:read", "devices:write"]}

    place = {"role": role.public_id, "psp_id": tenant.psp.id, "merchant_id": tenant.merchant.id}
    assert staff.post(f"/admin/portal/user/{manager.id}/grant/", place).status_code == 302
    assert "Fleet</a>" in staff.get(f"/admin/portal/user/{manager.id}/change/").content.decode()
    assert f"{address}/remove/" not in staff.get(f"{address}/change/").content.decode()
    assert "Somebody has this role" in staff.post(f"{address}/remove/", follow=True).content.decode()
    with atomic(SEED):
        Membership.objects.filter(custom_role=role).delete()
    gone = staff.post(f"{address}/remove/")
    assert (gone.status_code, gone.headers["Location"]) == (302, "/admin/portal/customrole/")
    assert roles() == {}
    assert {"role.created", "role.changed", "membership.granted", "role.deleted"} <= {
        record["action"] for record in audited()
    }


def test_make_no_role_of_what_they_do_not_hold(tenant, manager):
    merchant = make_person(Role.MERCHANT_ADMIN, psp_id=tenant.psp.id, merchant_id=tenant.merchant.id)
    form = {"psp_id": tenant.psp.id, "name": "Fleet", "permissions": ["devices:read"]}
    assert sign_in(*merchant)[0].post("/admin/portal/customrole/create/", form).status_code == 403
    admin, _ = sign_in(*make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id))
    beyond = form | {"permissions": ["platform:write"]}
    assert (
        "not one of the available choices"
        in admin.post("/admin/portal/customrole/create/", beyond).content.decode()
    )
    foreign = form | {"psp_id": make_tenant().psp.id}
    assert admin.post("/admin/portal/customrole/create/", foreign).status_code == 200
    assert roles() == {}


def test_are_signed_out_by_their_provider(staff, tenant, manager):
    open_session(user=manager.user, method=None, known_device=None, now=clock.now())
    assert staff.post(f"/admin/portal/user/{manager.id}/sign-out/").status_code == 302
    operator, _ = sign_in(*make_person(Role.PLATFORM_OPERATOR))
    with atomic(SEED):
        assert Session.objects.get(user=manager.user).ended_because == "revoked"
        own = Session.objects.get(user__email="platform-operator-0@example.com")
    assert operator.post(f"/admin/portal/session/{own.pk}/end/").status_code == 302
    assert operator.get("/admin/").status_code == 302
