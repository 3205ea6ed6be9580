"""The console..."""

import re

import pyotp
import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from kernel import clock
from kernel.admin import SECRET, ConsoleAdmin, ConsoleSite
from mpac.portal.db import atomic
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.domain.authority import EVERYTHING, Person
from mpac.portal.domain.commands import CommandKind
from mpac.portal.domain.roles import Role
from mpac.portal.models import DeviceImport, DeviceUpdate, Impersonation, Invitation, Preregistration, Rollout
from mpac.portal.selectors.places import get_place
from mpac.portal.services.api_keys import issue_api_key
from mpac.portal.services.command_batches import send_batch
from mpac.portal.services.commands import Order, hand_out_commands, send_command
from mpac.portal.services.custom_roles import create_custom_role
from mpac.portal.services.device_groups import add_members, create_group
from mpac.portal.services.heartbeats import record_heartbeat
from mpac.portal.services.killing import kill_device
from mpac.portal.services.people import create_user, grant_role, set_up_authenticator
from mpac.portal.services.provider_configs import create_provider_config
from mpac.portal.services.settings import Change, set_setting
from mpac.portal.services.signing_keys import ensure_signing_key
from mpac.portal.services.users import register_user, update_preferences, update_profile
from tests.portal.factories import (
    SEED,
    make_app,
    make_release,
    make_store,
    make_tenant,
    make_terminal,
    register,
)
from tests.portal.people import fill_sign_ins

PASSWORD = "correct horse battery"
PAGES = sorted(
    ((model, page) for model, page in admin.site._registry.items() if model._meta.app_label == "portal"),
    key=lambda item: item[0].__name__,
)


def make_person(role, *, name="", **levels):
    now = clock.now()
    email = f"{name or role}-{len(levels)}@example.com".replace("_", "-")
    user = create_user(scope=SEED, email=email, password=PASSWORD, full_name="Someone", now=now)
    grant_role(scope=SEED, user=user, role=role, now=now, **levels)
    return email, set_up_authenticator(scope=SEED, user=user, name="phone", now=clock.now()).base32_secret


def sign_in(email, secret=None, *, password=PASSWORD, client=None):
    client = client or Client()
    form = {"username": email, "password": password, "next": "/admin/"}
    if secret:
        form["otp_token"] = pyotp.TOTP(secret).now()
    return client, client.post("/admin/login/", form)


@pytest.fixture
def operator(tenant):
    return sign_in(*make_person(Role.PLATFORM_OPERATOR))[0]


@pytest.fixture
def staff(tenant):
    return sign_in(*make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id))[0]


def fill_people(tenant):
    """Somebody with a profile, a role of the provider's own, an invitation and an impersonation."""
    now = clock.now()
    one, other = (
        register_user(scope=SEED, email=f"{name}@example.org", full_name=name, now=now) for name in "ab"
    )
    update_profile(user_id=one.pk, changes={"city": "Bangkok"}, now=now)
    update_preferences(user_id=one.pk, changes={"marketing_emails_enabled": True}, now=now)
    create_custom_role(
        scope=SEED,
        by=Person(one.pk, EVERYTHING),
        psp_id=tenant.psp.id,
        name="Fleet",
        description="",
        permissions=["devices:read"],
        now=now,
    )
    times = {"created_at": now, "updated_at": now, "expires_at": now}
    with atomic(SEED):
        Invitation.objects.create(
            psp_id=tenant.psp.id, email="c@example.org", role=Role.AUDITOR, invited_by=one, **times
        )
        Impersonation.objects.create(
            psp_id=tenant.psp.id,
            impersonator=one,
            target=other,
            reason="help",
            ticket="T-1",
            minutes=1,
            status="active",
            **times,
        )


@pytest.fixture
def filled(tenant, terminal):
    """Something on every page."""
    now = clock.now()
    create_provider_config(
        scope=SEED,
        store_id=tenant.store.id,
        provider="scb",
        account={"biller_id": "010556000000001"},
        credentials={"api_key": "k-secret"},
        now=now,
    )
    issue_api_key(scope=SEED, psp_id=tenant.psp.id, name="server", mode=ApiKeyMode.TEST, now=now)
    ensure_signing_key(now=now)
    place = get_place(scope=SEED, level="store", key=str(tenant.store.id))
    for name, value in (("receipt.copies", 2), ("network.wifi_password", "k-secret")):
        change = Change(actor="user:1")
        set_setting(scope=SEED, place=place, name=name, value=value, locked=False, change=change, now=now)
    order = Order(kind=CommandKind.LOCK, expires_in_s=60, sent_by="user:1")
    send_command(scope=SEED, device_id=terminal.device_id, order=order, now=now)
    hand_out_commands(scope=SEED, device_id=terminal.device_id, limit=1, now=now)
    send_batch(scope=SEED, place=place, order=order, now=now)
    fill_fleet(tenant, terminal)
    fill_people(tenant)
    fill_rollouts(tenant, terminal, now)
    fill_sign_ins(tenant)
    return tenant


def fill_fleet(tenant, terminal):
    """A terminal that reported, joined a group and was stolen, one that is to come, and a list of others."""
    now = clock.now()
    record_heartbeat(scope=SEED, device_id=terminal.device_id, report={"model": "A920"}, now=now)
    owner = {"psp_id": tenant.psp.id, "merchant_id": tenant.merchant.id}
    group = create_group(scope=SEED, **owner, name="Front", selector={}, livemode=False, now=now)
    add_members(scope=SEED, group_id=group.id, device_ids=[terminal.device_id], now=now)
    kill_device(scope=SEED, device_id=terminal.device_id, actor="test", now=now)
    with atomic(SEED):
        Preregistration.objects.create(**owner, serial_number="SN-TO-COME", updated_at=now)
        DeviceImport.objects.create(
            **owner, created_by="test", content="", sha256="", status="checked", updated_at=now
        )


def fill_rollouts(tenant, terminal, now):
    release = make_release(make_app(tenant.psp).public_id)
    with atomic(SEED):
        rollout = Rollout.objects.create(
            psp_id=tenant.psp.id,
            app=release.app,
            release=release,
            channel="stable",
            salt="s",
            waves=[{"basis_points": 10_000, "soak_s": 0}],
            wave_at=now,
            gate={"max_failure_bp": 1, "max_crash_bp": 1, "min_payment_success_bp": 1, "min_sample": 1},
            created_by="test",
            updated_at=now,
        )
        DeviceUpdate.objects.create(
            psp_id=tenant.psp.id,
            merchant_id=tenant.merchant.id,
            store_id=tenant.store.id,
            device_id=terminal.device_id,
            rollout=rollout,
            app=release.app,
            version_code=1,
            status="installed",
            updated_at=now,
        )


def change_list(model):
    return reverse(f"admin:portal_{model._meta.model_name}_changelist")


def test_needs_a_password_and_a_second_factor(tenant):
    email, secret = make_person(Role.PLATFORM_OPERATOR)
    for attempt, status in ((sign_in(email), 302), (sign_in(email, secret, password="wrong"), 200)):
        client, answer = attempt
        assert answer.status_code == status
        assert client.get("/admin/").status_code == 302
    client, answer = sign_in(email.upper(), secret)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200


def test_is_closed_to_who_has_no_role_in_it(tenant):
    levels = {"psp_id": tenant.psp.id, "merchant_id": tenant.merchant.id, "store_id": tenant.store.id}
    client, answer = sign_in(*make_person(Role.CASHIER, **levels))
    assert answer.status_code == 200
    assert client.get("/admin/").status_code == 302
    assert client.get("/admin/portal/device/").status_code == 302


def test_is_one_site_with_a_second_factor():
    assert isinstance(admin.site._wrapped if hasattr(admin.site, "_wrapped") else admin.site, ConsoleSite)


def test_has_a_page_for_every_table_of_portal():
    assert {model for model, _page in PAGES} == set(apps.get_app_config("portal").get_models())


EMPTY = {"Nonce", "IdempotencyKey", "InboxEntry", "JobRun", "Revocation", "ClientAssertion"}


def look_at(operator, model, page):
    """A list, its search and one row of it; what they show, and that nothing can be written there."""
    assert isinstance(page, ConsoleAdmin)
    listed = operator.get(change_list(model))
    assert listed.status_code == 200
    assert operator.get(f"{change_list(model)}?q=x").status_code == 200
    opts = f"portal_{model._meta.model_name}"
    assert operator.get(reverse(f"admin:{opts}_add")).status_code == 403
    text = listed.content.decode()
    found = re.findall(rf'href="({change_list(model)}[^"]+/change/[^"]*)"', text)
    assert found or model.__name__ in EMPTY, model
    for link in dict.fromkeys(found):
        shown = operator.get(link)
        assert shown.status_code == 200
        assert b'name="_save"' not in shown.content
        text += shown.content.decode()
    for field in model._meta.concrete_fields:
        assert not SECRET.search(field.name) or f"field-{field.name}" not in text
    for link in found[:1]:
        assert operator.post(link, {"name": "changed"}).status_code == 403
        assert operator.post(link.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
    return text


def test_shows_lists_and_rows_without_secrets_and_lets_nobody_write(operator, filled):
    for model, page in PAGES:
        text = look_at(operator, model, page)
        assert not re.search(r"v1\.test\.|k-secret|argon2|md5\$", text), model


def test_shows_staff_their_own_tenant_and_nothing_else(staff, filled):
    other = make_tenant()
    make_terminal(other.store)
    for model, own, foreign in (
        ("psp", filled.psp.name, other.psp.name),
        ("merchant", filled.merchant.name, other.merchant.name),
        ("store", filled.store.name, other.store.name),
    ):
        text = staff.get(f"/admin/portal/{model}/").content.decode()
        assert f">{own}<" in text
        assert f">{foreign}<" not in text
        foreign_id = getattr(other, model).id
        own_id = getattr(filled, model).id
        assert staff.get(f"/admin/portal/{model}/{own_id}/change/").status_code == 200
        assert staff.get(f"/admin/portal/{model}/{foreign_id}/change/").status_code == 302
    assert staff.get("/admin/portal/device/").content.decode().count("dev_") == 1


def test_hides_the_platforms_own_pages_from_staff(staff, filled):
    index = staff.get("/admin/").content.decode()
    for model, page in PAGES:
        assert (change_list(model) in index) is not page.platform_only
        assert staff.get(change_list(model)).status_code == (403 if page.platform_only else 200)


def test_shows_staff_the_people_of_their_tenant_only(staff, filled):
    stranger, _secret = make_person(Role.PLATFORM_OPERATOR)
    text = staff.get("/admin/portal/user/").content.decode()
    assert "psp-admin-1@example.com" in text
    assert stranger not in text


def test_finds_a_terminal_by_the_id_that_people_copy(operator, filled, terminal):
    register(filled.store)
    text = operator.get(f"/admin/portal/device/?q={terminal.client_id}").content.decode()
    assert terminal.client_id in text
    assert "1 device" in text


@pytest.mark.parametrize(
    "path", ["/admin/portal/device/", "/admin/portal/store/", "/admin/portal/membership/"]
)
def test_asks_as_often_for_many_rows_as_for_few(operator, filled, path, django_assert_max_num_queries):
    operator.get(path)
    with django_assert_max_num_queries(25) as few:
        operator.get(path)
    for _ in range(10):
        register(make_store(filled.merchant))
        make_person(Role.PSP_ADMIN, psp_id=make_tenant().psp.id) if path.endswith(
            "membership/"
        ) and _ == 0 else None
    with django_assert_max_num_queries(len(few)):
        operator.get(path)


@pytest.mark.parametrize(
    ("model", "column"),
    [
        ("user", "password"),
        ("apikey", "secret_hash"),
        ("device", "activation_code_hash"),
        ("providerconfig", "credentials_sealed"),
    ],
)
def test_lets_nobody_guess_a_secret_by_filtering(staff, filled, model, column):
    for lookup in (column, f"{column}__startswith", f"{column}__gte"):
        assert staff.get(f"/admin/portal/{model}/", {lookup: "a"}).status_code == 400


def test_offers_no_search_outside_a_scope(staff, filled):
    query = {"app_label": "portal", "model_name": "membership", "field_name": "user", "term": "e"}
    assert staff.get("/admin/autocomplete/", query).status_code == 403


@pytest.mark.parametrize("code", ["9" * 5000, "12345", "1234567", "abcdef", "\u0661" * 6, "-12345"])
def test_takes_nothing_but_six_digits_for_a_code(tenant, code):
    email, _secret = make_person(Role.PLATFORM_OPERATOR)
    form = {"username": email, "password": PASSWORD, "otp_token": code, "next": "/admin/"}
    assert Client().post("/admin/login/", form).status_code == 200
