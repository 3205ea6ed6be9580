"""In the console, the hierarchy and the keys ..."""

import re

import pytest
from django.urls import reverse

from kernel import clock
from kernel.tenancy import SystemScope
from mpac.portal.db import atomic
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.domain.authority import EVERYTHING, Person
from mpac.portal.domain.roles import Role
from mpac.portal.models import ApiKey, Membership, Merchant, ProviderConfig, SigningKey, Store, User
from mpac.portal.services.api_keys import api_key_reader, authenticate_api_key, issue_api_key
from mpac.portal.services.custom_roles import create_custom_role
from mpac.portal.services.memberships import Wanted, grant_membership
from mpac.portal.services.provider_configs import create_provider_config
from mpac.portal.services.signing_keys import ensure_signing_key
from mpac.portal.services.users import register_user
from tests.portal.factories import SEED, audited, make_tenant
from tests.portal.test_admin import make_person, sign_in

PLACE = {"name": "New", "country": "TH", "currency": "THB", "time_zone": "Asia/Bangkok"}


@pytest.fixture
def operator(database):
    return sign_in(*make_person(Role.PLATFORM_OPERATOR))[0]


@pytest.fixture
def staff(tenant):
    return sign_in(*make_person(Role.PSP_ADMIN, name="staff", psp_id=tenant.psp.id))[0]


@pytest.fixture
def manager(tenant):
    where = {"psp_id": tenant.psp.id, "merchant_id": tenant.merchant.id, "store_id": tenant.store.id}
    return sign_in(*make_person(Role.STORE_MANAGER, name="manager", **where))[0]


def act(client, model: str, action: str, *key, **answers):
    """Ask for the question, then answer it."""
    address = reverse(f"admin:portal_{model}_{action}", args=key)
    asked = client.get(address)
    if asked.status_code != 200:
        return asked
    return client.post(address, answers)


def read(model, pk):
    with atomic(SEED):
        return model.objects.get(pk=pk)


def test_are_changed_and_moved_by_whoever_may(staff, tenant):
    form = PLACE | {"tax_branch": "00001", "business_day_starts_at": "04:30"}
    assert act(staff, "store", "edit", tenant.store.id, **form).status_code == 302
    store = read(Store, tenant.store.id)
    assert (store.name, store.tax_branch, f"{store.business_day_starts_at:%H:%M}", store.version) == (
        *("New", "00001", "04:30"),
        2,
    )
    for action, status in (("suspend", "suspended"), ("resume", "active"), ("close", "closed")):
        assert act(staff, "merchant", action, tenant.merchant.id).status_code == 302
        assert read(Merchant, tenant.merchant.id).status == status
    assert [row["action"] for row in audited()][-1] == "merchant.changed"
    assert audited()[-1]["actor_kind"] == "person"


def test_say_in_the_form_what_cannot_be(staff, tenant):
    answer = act(staff, "merchant", "edit", tenant.merchant.id, **PLACE, tax_number="1111111111111")
    assert (answer.status_code, "13 digits" in answer.content.decode()) == (200, True)
    assert read(Merchant, tenant.merchant.id).version == 1


def test_grow_below_what_is_ones_own_alone(staff, tenant):
    other = make_tenant()
    assert act(staff, "merchant", "open", **PLACE, code="M9", psp_id=tenant.psp.id).status_code == 302
    for action, answers in (
        ("merchant", {"psp_id": other.psp.id}),
        ("store", {"merchant_id": other.merchant.id}),
        ("store", {"merchant_id": 2_000_000_000}),
    ):
        answer = act(staff, action, "open", **PLACE, code="M9", **answers)
        assert (answer.status_code, "there is none with this number" in answer.content.decode()) == (
            200,
            True,
        )
    with atomic(SEED):
        assert Merchant.objects.filter(code="M9").count() == 1
        assert not Store.objects.filter(code="M9").exists()


def test_cannot_be_changed_by_who_may_only_look(manager, staff, tenant):
    assert act(manager, "store", "suspend", tenant.store.id).status_code == 403
    assert act(manager, "merchant", "open").status_code == 403
    assert act(staff, "psp", "suspend", tenant.psp.id).status_code == 403
    assert act(staff, "psp", "open").status_code == 403
    assert read(Store, tenant.store.id).status == "active"


def test_sign_up_a_provider(operator):
    assert act(operator, "psp", "open", **PLACE, code="P9").status_code == 302


def test_take_new_credentials_and_never_show_them(staff, tenant):
    config = create_provider_config(
        scope=SEED,
        store_id=tenant.store.id,
        provider="scb",
        account={"biller_id": "1"},
        credentials={"api_key": "secret-thing-0"},
        now=clock.now(),
    )
    refused = act(staff, "providerconfig", "credentials", config.pk, credentials="no sign in here")
    assert (refused.status_code, "Line 1 is not name=value" in refused.content.decode()) == (200, True)
    told = "api_key = secret-thing-1\nsigning=x=y\n"
    assert act(staff, "providerconfig", "credentials", config.pk, credentials=told).status_code == 302
    kept = read(ProviderConfig, config.pk)
    assert (kept.version, kept.credentials_sealed != config.credentials_sealed) == (2, True)
    page = staff.get(reverse("admin:portal_providerconfig_change", args=[config.pk])).content.decode()
    assert "secret-thing" not in page + str(audited())
    for action, enabled in (("disable", False), ("enable", True)):
        assert act(staff, "providerconfig", action, config.pk).status_code == 302
        assert read(ProviderConfig, config.pk).enabled is enabled


def test_are_closed_to_the_people_of_a_provider_that_does_no_business(staff, operator, tenant):
    assert staff.get(reverse("admin:portal_store_changelist")).status_code == 200
    assert act(operator, "psp", "suspend", tenant.psp.id).status_code == 302
    assert staff.get(reverse("admin:portal_store_changelist")).status_code != 200
    assert act(staff, "store", "close", tenant.store.id).status_code != 200
    assert read(Store, tenant.store.id).status == "active"
    assert act(operator, "psp", "resume", tenant.psp.id).status_code == 302
    assert staff.get(reverse("admin:portal_store_changelist")).status_code == 200


def test_issue_a_key_whose_secret_is_on_one_page_alone(staff, tenant, superuser):
    answer = act(
        staff, "apikey", "issue", psp_id=tenant.psp.id, name="till", mode="test", scopes=["devices:read"]
    )
    secret = re.search(r"sk_test_\w+", answer.content.decode())[0]
    assert answer.headers["Cache-Control"].count("no-store")
    assert authenticate_api_key(secret, now=clock.now()).scopes == {"devices:read"}
    with atomic(SEED):
        key = ApiKey.objects.get()
    rolled = act(staff, "apikey", "roll", key.pk, overlap_hours=0)
    other = re.search(r"sk_test_\w+", rolled.content.decode())[0]
    assert other != secret
    assert act(staff, "apikey", "revoke", key.pk).status_code == 302
    api_key_reader.forget()
    assert authenticate_api_key(other, now=clock.now())
    assert secret not in staff.get(reverse("admin:portal_apikey_changelist")).content.decode()
    for table in ("portal.django_session", "portal.outbox"):
        found = superuser.execute(f"SELECT count(*) FROM {table} t WHERE strpos(t::text, %s) > 0", [secret])
        assert found.fetchone() == (0,)


def test_hand_out_with_a_key_only_what_its_maker_holds(tenant):
    """Whoever may issue keys and little else would otherwise make one that may do everything."""
    now, where = clock.now(), {"psp_id": tenant.psp.id}
    admin = Person(register_user(scope=SEED, email="a@example.com", full_name="", now=now).pk, EVERYTHING)
    email, secret = make_person(Role.AUDITOR, name="clerk", **where)
    clerk = find_user(email)
    role = create_custom_role(
        scope=SEED,
        by=admin,
        name="keys",
        description="",
        permissions=["console:enter", "api_keys:read", "api_keys:write", "devices:read"],
        now=now,
        **where,
    )
    wanted = Wanted(role=Role.CUSTOM, custom_role_id=role.id, **where)
    grant_membership(scope=SEED, by=admin, user_id=clerk.pk, wanted=wanted, now=now)
    with atomic(SEED):
        Membership.objects.filter(user=clerk, role=Role.AUDITOR).delete()
    client = sign_in(email, secret)[0]
    form = {"psp_id": tenant.psp.id, "name": "server", "mode": "live"}
    refused = act(client, "apikey", "issue", **form, scopes=["devices:read", "payments:write"])
    assert "you do not hold: payments:write" in refused.content.decode()
    assert "sk_live_" in act(client, "apikey", "issue", **form, scopes=["devices:read"]).content.decode()
    wide = issue_api_key(scope=SEED, psp_id=tenant.psp.id, name="wide", mode=ApiKeyMode.LIVE, now=now).api_key
    assert act(client, "apikey", "roll", wide.pk, overlap_hours=0).status_code == 403


def find_user(email):
    with atomic(SEED):
        return User.objects.get(email=email)


def test_rotate_the_signing_keys(operator, staff):
    first = ensure_signing_key(now=clock.now())
    assert act(operator, "signingkey", "rotate").status_code == 302
    with atomic(SystemScope("seed")):
        assert sorted(SigningKey.objects.values_list("state", flat=True)) == ["active", "next"]
    assert act(operator, "signingkey", "distrust", first.pk).status_code == 302
    with atomic(SystemScope("seed")):
        assert sorted(SigningKey.objects.values_list("state", flat=True)) == ["active", "retired"]
    assert act(staff, "signingkey", "rotate").status_code in {403, 404}
