"""A person..."""

import pyotp
import pytest
from django.db import IntegrityError

from kernel import clock
from kernel.errors import Invalid
from kernel.tenancy import SystemScope, TenantScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.roles import Role
from mpac.portal.errors import EmailTaken
from mpac.portal.models import Authenticator, Membership, User
from mpac.portal.services.people import create_user, grant_role, set_password, set_up_authenticator
from tests.portal.factories import SEED, make_store

PASSWORD = "correct horse battery"


def make_user(email="somchai@example.com"):
    return create_user(scope=SEED, email=email, password=PASSWORD, full_name="Somchai", now=clock.now())


@pytest.fixture
def user(database):
    return make_user()


def grant(user, role, **levels):
    return grant_role(scope=SEED, user=user, role=role, now=clock.now(), **levels)


def reread(user):
    with atomic(SEED):
        return User.objects.get(pk=user.pk)


def test_is_known_by_one_address_whatever_its_capitals(user):
    assert make_user("Other@Example.COM").email == "other@example.com"
    with pytest.raises(EmailTaken):
        make_user("SOMCHAI@example.com")
    assert User.objects.get_by_natural_key(" Somchai@Example.com ") == user


@pytest.mark.parametrize("password", ["short", "password1234", "somchai@example"])
def test_needs_a_password_worth_the_name(user, password):
    with pytest.raises(Invalid) as refused:
        set_password(scope=SEED, user=user, password=password, now=clock.now())
    assert refused.value.errors[0].field == "password"
    assert reread(user).check_password(PASSWORD)


def test_without_a_role_has_no_console(user):
    assert not user.is_staff
    assert user.console_scope() is None
    assert not user.has_perm("portal.view_device")


def test_with_a_till_only_has_no_console(user, tenant):
    ids = {"psp_id": tenant.psp.id, "merchant_id": tenant.merchant.id, "store_id": tenant.store.id}
    grant(user, Role.CASHIER, **ids)
    assert not reread(user).is_staff


def test_sees_as_far_as_the_role_reaches(user, tenant):
    levels = {"psp_id": tenant.psp.id, "merchant_id": tenant.merchant.id, "store_id": tenant.store.id}
    other = make_store(tenant.merchant)
    grant(user, Role.STORE_MANAGER, **levels)
    assert reread(user).console_scope() == TenantScope(tenant.psp.id, tenant.merchant.id, (tenant.store.id,))
    grant(user, Role.STORE_MANAGER, **(levels | {"store_id": other.id}))
    assert reread(user).console_scope() == TenantScope(
        tenant.psp.id, tenant.merchant.id, (tenant.store.id, other.id)
    )
    grant(user, Role.MERCHANT_ADMIN, psp_id=tenant.psp.id, merchant_id=tenant.merchant.id)
    assert reread(user).console_scope() == TenantScope(tenant.psp.id, tenant.merchant.id)
    grant(user, Role.PSP_ADMIN, psp_id=tenant.psp.id)
    assert reread(user).console_scope() == TenantScope(tenant.psp.id)
    assert not reread(user).is_platform_operator
    grant(user, Role.PLATFORM_OPERATOR)
    assert reread(user).console_scope() == SystemScope("console")


def test_who_was_deactivated_sees_nothing(user):
    grant(user, Role.PLATFORM_OPERATOR)
    user.is_active = False
    assert user.console_scope() is None
    assert not user.is_staff


def test_may_look_and_not_touch(user):
    grant(user, Role.PLATFORM_OPERATOR)
    user = reread(user)
    assert user.has_perms(["portal.view_device"])
    assert not any(user.has_perm(f"portal.{verb}_device") for verb in ("add", "change", "delete"))
    assert user.has_module_perms("portal")


def test_gets_a_role_once_and_at_its_own_level(user, tenant):
    assert grant(user, Role.PSP_ADMIN, psp_id=tenant.psp.id) == grant(
        user, Role.PSP_ADMIN, psp_id=tenant.psp.id
    )
    for role, levels in (
        (Role.PLATFORM_OPERATOR, {"psp_id": tenant.psp.id}),
        (Role.PSP_ADMIN, {}),
        (Role.MERCHANT_ADMIN, {"psp_id": tenant.psp.id}),
        (Role.CASHIER, {"psp_id": tenant.psp.id, "merchant_id": tenant.merchant.id}),
        (Role.AUDITOR, {}),
    ):
        with pytest.raises(Invalid):
            grant(user, role, **levels)
        with pytest.raises(IntegrityError), atomic(SEED):
            Membership.objects.create(user=user, role=role, **levels)


def test_keeps_the_second_factor_sealed_and_uses_a_code_once(user):
    fresh = set_up_authenticator(scope=SEED, user=user, name="phone", now=clock.now())
    with atomic(SEED):
        row = db.execute("SELECT row_to_json(a)::text FROM authenticators a")[0][0]
    assert fresh.base32_secret not in row
    code = pyotp.TOTP(fresh.base32_secret).now()
    held = Authenticator.objects.get(user=user)
    assert held.use_code(code, now=clock.now())
    assert not Authenticator.objects.get(user=user).use_code(code, now=clock.now())
    assert not held.use_code(code, now=clock.now())


@pytest.mark.parametrize(
    "token", ["", "abc", "000000000", "12 34", "\uff11\uff12\uff13\uff14\uff15\uff16", None]
)
def test_is_not_let_in_by_nonsense(user, token):
    set_up_authenticator(scope=SEED, user=user, name="phone", now=clock.now())
    assert not Authenticator.objects.get(user=user).use_code(token, now=clock.now())


def test_has_one_second_factor_at_a_time(user):
    first = set_up_authenticator(scope=SEED, user=user, name="phone", now=clock.now())
    set_up_authenticator(scope=SEED, user=user, name="new phone", now=clock.now())
    assert not Authenticator.objects.filter(pk=first.authenticator.pk).exists()
