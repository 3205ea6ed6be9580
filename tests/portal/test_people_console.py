"""People in the console..."""

import pytest

from mpac.portal.db import atomic
from mpac.portal.domain.roles import Role
from mpac.portal.models import Impersonation, Invitation, Membership
from tests.portal.factories import SEED, audited
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
