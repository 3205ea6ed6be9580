"""Ending somebody else's sessions ..."""

import pytest

from kernel import clock
from mpac.portal.db import atomic
from mpac.portal.domain.roles import Role
from mpac.portal.models import Session
from mpac.portal.services.people import grant_role
from mpac.portal.services.sessions import open_session
from tests.portal.factories import SEED, make_tenant
from tests.portal.members import call, later, make_member


@pytest.fixture
def admin(tenant):
    return make_member(Role.PSP_ADMIN, tenant)


def sign_in(user):
    return open_session(user=user, method=None, known_device=None, now=clock.now())


def test_ends_those_in_which_they_act_for_ones_own_tenant_alone(api, tenant, admin):
    cashier = make_member(Role.CASHIER, tenant)
    here = sign_in(cashier.user)
    other = make_tenant()
    grant_role(scope=SEED, user=cashier.user, role=Role.AUDITOR, psp_id=other.psp.id, now=clock.now())
    there = sign_in(cashier.user)
    with atomic(SEED):
        elsewhere = cashier.user.memberships.get(psp_id=other.psp.id)
        Session.objects.filter(id=there.session.id).update(membership_id=elsewhere.pk)
    assert admin.call(api, "DELETE", f"users/{cashier.id}/sessions").status_code == 200
    with atomic(SEED):
        open_ones = list(Session.objects.filter(ended_at=None).values_list("id", flat=True))
    assert open_ones == [there.session.id]
    with later(5):
        assert call(api, here.access_token, "GET", "users/me").status_code == 401


def test_is_for_who_may_and_for_whom_they_see(api, tenant, admin):
    manager, stranger = make_member(Role.STORE_MANAGER, tenant), make_member(Role.PSP_ADMIN, make_tenant())
    sign_in(manager.user)
    assert manager.call(api, "DELETE", f"users/{admin.id}/sessions").status_code == 403
    missing = admin.call(api, "DELETE", "users/2000000000/sessions").json()["code"]
    answer = stranger.call(api, "DELETE", f"users/{manager.id}/sessions")
    assert (answer.status_code, answer.json()["code"]) == (404, missing)
    with atomic(SEED):
        assert Session.objects.filter(ended_at=None).count() == 1
