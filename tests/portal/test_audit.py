"""Every change in portal leaves an audit record, without what is secret.

Both tables below are held against the code: a write operation or a service that is not entered fails, and so does one that
leaves no record of the kind that is entered.
"""

import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyotp
import pytest
from joserfc.jwk import ECKey

from kernel import clock, crypto
from kernel.errors import DomainError
from kernel.tenancy import SystemScope
from mpac.audit.db import atomic as audit_atomic
from mpac.audit.models import AuditEvent
from mpac.portal import conf, services
from mpac.portal.adapters.packages import incoming
from mpac.portal.db import atomic, db
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.domain.authority import EVERYTHING, Person
from mpac.portal.domain.commands import CommandKind, CommandStatus
from mpac.portal.domain.roles import Role
from mpac.portal.dto import ProfileChanges
from mpac.portal.errors import CodeTaken
from mpac.portal.models import (
    ApiKey,
    App,
    Command,
    CommandBatch,
    CustomRole,
    Device,
    DeviceGroup,
    DeviceImport,
    Impersonation,
    Invitation,
    Mail,
    Membership,
    Preregistration,
    Rollout,
    SigningKey,
    User,
)
from mpac.portal.selectors.device_groups import devices_in
from mpac.portal.selectors.places import get_place
from mpac.portal.services import (
    activation,
    api_keys,
    apps,
    command_batches,
    commands,
    custom_roles,
    demo,
    demo_accounts,
    device_groups,
    device_imports,
    devices,
    hierarchy,
    impersonations,
    invitations,
    killing,
    memberships,
    people,
    preregistrations,
    provider_configs,
    replacement,
    revocations,
    rollouts,
    sessions,
    settings,
    signing_keys,
    updates,
    users,
)
from mpac.portal.services.commands import Order, Result
from mpac.portal.services.impersonation_tokens import issue_impersonation_token
from mpac.portal.services.settings import Change
from tests.architecture.routes import ENDPOINTS, declared
from tests.architecture.world import Place, person_token
from tests.delivery import deliver_all
from tests.portal import test_audit_of_signing_in
from tests.portal.apks import PACKAGE, SIGNER, apk
from tests.portal.factories import (
    SEED,
    Tenant,
    audited,
    make_api_key,
    make_app,
    make_profile,
    make_proof,
    make_release,
    make_rollout,
    make_tenant,
    make_terminal,
    register,
    seconds,
)
from tests.portal.test_admin import PASSWORD, make_person, sign_in

APK = "application/vnd.android.package-archive"
SECRET = "the-very-secret-thing"
LISTED = "serial_number,model\nSN-A,A920\nSN-B,A920\n"
CREDENTIALS = {"api_key": SECRET}
GREETING, CHANGE = "receipt.header_lines", Change(actor="user:1")


@dataclass
class Stage:
    """A tenant in which something is done, and the secrets that doing it brought to light."""

    tenant: Tenant
    secrets: list[str] = field(default_factory=lambda: [SECRET, PASSWORD])

    def hide(self, secret: str) -> None:
        self.secrets.append(secret)

    def registered(self) -> Device:
        found = register(self.tenant.store)
        self.hide(found.activation_code)
        return found.device

    def active(self) -> Device:
        terminal = make_terminal(self.tenant.store)
        with atomic(SEED):
            return Device.objects.get(id=terminal.device_id)

    def announced(self) -> Preregistration:
        found = preregistrations.preregister(
            scope=SEED,
            psp_id=None,
            merchant_id=self.tenant.merchant.id,
            serial_number="SN-TO-COME",
            livemode=False,
            now=clock.now(),
        )
        self.hide(found.activation_code)
        return found.entry

    def listed(self, text: str = LISTED) -> DeviceImport:
        place = device_imports.place_of_store(scope=SEED, store_id=self.tenant.store.id)
        return device_imports.check_list(
            scope=SEED,
            place=place,
            raw=text.encode(),
            charset="",
            livemode=False,
            by="user:1",
            now=clock.now(),
        )

    def imported(self) -> None:
        taken = self.listed()
        device_imports.start_import(scope=SEED, import_id=taken.id, now=clock.now())
        device_imports.run_imports(now=clock.now())
        self.hide(device_imports.code_of(taken, "SN-A"))

    def group(self, *devices: Device) -> DeviceGroup:
        found = device_groups.create_group(
            scope=SEED,
            psp_id=None,
            merchant_id=self.tenant.merchant.id,
            name="East",
            selector={},
            livemode=False,
            now=clock.now(),
        )
        if devices:
            device_ids = [device.id for device in devices]
            device_groups.add_members(scope=SEED, group_id=found.id, device_ids=device_ids, now=clock.now())
        return found

    def member(self, group: DeviceGroup) -> str:
        with atomic(SEED):
            return devices_in(group).get().public_id

    def configured(self) -> None:
        provider_configs.create_provider_config(
            scope=SEED,
            store_id=self.tenant.store.id,
            provider="scb",
            account={"biller_id": "1"},
            credentials=CREDENTIALS,
            now=clock.now(),
        )

    def greeted(self, *greetings: str) -> None:
        """Set what receipts begin with, several times over."""
        for greeting in greetings or ("Hello",):
            self.set(GREETING, [greeting])

    def set(self, name: str, value: Any) -> None:
        settings.set_setting(
            scope=SEED,
            place=self.place(),
            name=name,
            value=value,
            locked=False,
            change=CHANGE,
            now=clock.now(),
        )

    def place(self) -> Any:
        return get_place(scope=SEED, level="store", key=str(self.tenant.store.id))

    def app(self) -> App:
        return make_app(self.tenant.psp, livemode=False)

    def commanded(self, *, fetched: bool = False) -> Command:
        device = self.active()
        order = Order(kind=CommandKind.LOCK, expires_in_s=60, sent_by="user:1")
        found = commands.send_command(scope=SEED, device_id=device.id, order=order, now=clock.now())
        if fetched:
            commands.hand_out_commands(scope=SEED, device_id=device.id, limit=1, now=clock.now())
        return found

    def batch(self) -> CommandBatch:
        order = Order(kind=CommandKind.LOCK, expires_in_s=60, sent_by="user:1")
        return command_batches.send_batch(scope=SEED, place=self.place(), order=order, now=clock.now())

    def rollout(self, *steps: Callable[..., Rollout]) -> Rollout:
        started = make_rollout(make_release(self.app().public_id))
        for step in steps:
            started = step(scope=SEED, rollout_id=started.id, now=clock.now())
        return started

    def key(self) -> ApiKey:
        issued = api_keys.issue_api_key(
            scope=SEED, psp_id=self.tenant.psp.id, name="server", mode=ApiKeyMode.TEST, now=clock.now()
        )
        self.hide(issued.secret)
        return issued.api_key

    def person(self) -> User:
        return people.create_user(
            scope=SEED, email="a@example.com", password=PASSWORD, full_name="A", now=clock.now()
        )

    def caller(self) -> User:
        """Whoever calls; the tenant has an administrator besides."""
        return User.objects.filter(email="caller@example.com").first() or users.register_user(
            scope=SEED, email="caller@example.com", full_name="Caller", now=clock.now()
        )

    def as_admin(self) -> Person:
        return Person(self.admin().pk, EVERYTHING)

    def admin(self) -> User:
        """The provider's administrator."""
        found = User.objects.filter(email="admin@example.com").first()
        if found is None:
            found = users.register_user(
                scope=SEED, email="admin@example.com", full_name="Admin", now=clock.now()
            )
            self.grant(found, Role.PSP_ADMIN, psp_id=self.tenant.psp.id)
        return found

    def grant(self, user: User, role: Role, **levels: int) -> Membership:
        return people.grant_role(scope=SEED, user=user, role=role, now=clock.now(), **levels)

    def employee(self) -> Membership:
        """Somebody who may do something here."""
        user = users.register_user(scope=SEED, email="b@example.com", full_name="B", now=clock.now())
        store = self.tenant.store
        return self.grant(
            user, Role.CASHIER, psp_id=store.psp_id, merchant_id=store.merchant_id, store_id=store.id
        )

    def signed_in(self) -> Membership:
        """Somebody who is signed in here."""
        employee = self.employee()
        sessions.open_session(user=employee.user, method=None, known_device=None, now=clock.now())
        return employee

    def impersonation(self, *, writes: bool = False) -> Impersonation:
        """Somebody is acted as: by the caller, or, where a second person is asked for, by the administrator."""
        by = self.as_admin() if writes else Person(self.caller().pk, EVERYTHING)
        why = impersonations.Reasons(reason="trouble", ticket="T-1", minutes=5, writes=writes)
        return impersonations.request_impersonation(
            scope=SEED, by=by, user_id=self.employee().user_id, why=why, now=clock.now()
        )

    def invitation(self) -> Invitation:
        return invitations.invite_person(
            scope=SEED,
            by=Person(self.admin().pk, EVERYTHING),
            email="n@example.com",
            full_name="",
            wanted=memberships.Wanted(role=Role.CASHIER, store_id=self.tenant.store.id),
            now=clock.now(),
        )

    def link_of(self, _invitation: Invitation) -> str:
        """The secret in the last mail."""
        with atomic(SEED):
            mail = Mail.objects.latest("created_at")
        secret = crypto.open_sealed(mail.secret_sealed, aad=mail.sealed_for()).decode()
        self.hide(secret)
        return secret

    def role(self) -> CustomRole:
        return custom_roles.create_custom_role(
            scope=SEED,
            by=self.as_admin(),
            psp_id=self.tenant.psp.id,
            name="Fleet",
            description="",
            permissions=["devices:read"],
            now=clock.now(),
        )


# --- over HTTP --------------------------------------------------------------------------------------------------------

# Each write operation: what it takes, and what its record says was done.
OPERATIONS: dict[str, tuple[str, Callable[[Stage], tuple[str, Any]]]] = {
    "psps.create": (
        "psp.created",
        lambda s: (
            "/v1/psps",
            {"code": "P2", "name": "N", "country": "TH", "currency": "THB", "time_zone": "Asia/Bangkok"},
        ),
    ),
    "psps.update": ("psp.changed", lambda s: (f"/v1/psps/{s.tenant.psp.id}", {"name": "New"})),
    "merchants.create": (
        "merchant.created",
        lambda s: ("/v1/merchants", {"code": "M2", "name": "N", "psp_id": s.tenant.psp.id}),
    ),
    "merchants.update": (
        "merchant.changed",
        lambda s: (f"/v1/merchants/{s.tenant.merchant.id}", {"status": "suspended"}),
    ),
    "stores.create": (
        "store.created",
        lambda s: ("/v1/stores", {"code": "S2", "name": "N", "merchant_id": s.tenant.merchant.id}),
    ),
    "stores.update": ("store.changed", lambda s: (f"/v1/stores/{s.tenant.store.id}", {"name": "New"})),
    "provider_configs.create": (
        "provider_config.created",
        lambda s: (
            f"/v1/stores/{s.tenant.store.id}/provider-configs",
            {"provider": "scb", "credentials": CREDENTIALS},
        ),
    ),
    "provider_configs.update": (
        "provider_config.changed",
        lambda s: (
            s.configured() or f"/v1/stores/{s.tenant.store.id}/provider-configs/scb",
            {"credentials": {"api_key": f"{SECRET}-2"}},
        ),
    ),
    "api_keys.create": ("api_key.issued", lambda _s: ("/v1/api-keys", {"name": "server", "mode": "test"})),
    "api_keys.roll": ("api_key.rolled", lambda s: (f"/v1/api-keys/{s.key().public_id}/roll", {})),
    "api_keys.revoke": ("api_key.revoked", lambda s: (f"/v1/api-keys/{s.key().public_id}/revoke", {})),
    "users.create": (
        "user.created",
        lambda _s: ("/v1/users", {"email": "c@example.com", "full_name": "C"}),
    ),
    "users.update": ("user.changed", lambda s: (f"/v1/users/{s.person().pk}", {"full_name": "New"})),
    "users.delete": ("membership.withdrawn", lambda s: (f"/v1/users/{s.employee().user_id}", {})),
    "users.end_sessions": ("session.ended", lambda s: (f"/v1/users/{s.signed_in().user_id}/sessions", {})),
    "users.update_me": ("user.changed", lambda _s: ("/v1/users/me", {"full_name": "New"})),
    "users.update_profile": (
        "user_profile.changed",
        lambda _s: ("/v1/users/me/profile", {"city": "Bangkok"}),
    ),
    "users.update_preferences": (
        "user_preferences.changed",
        lambda _s: ("/v1/users/me/preferences", {"marketing_emails_enabled": True}),
    ),
    "memberships.grant": (
        "membership.granted",
        lambda s: (
            f"/v1/users/{s.employee().user_id}/memberships",
            {"role": "merchant_admin", "merchant_id": s.tenant.merchant.id},
        ),
    ),
    "memberships.withdraw": (
        "membership.withdrawn",
        lambda s: (f"/v1/users/{(held := s.employee()).user_id}/memberships/{held.pk}", {}),
    ),
    "invitations.create": (
        "invitation.made",
        lambda s: (
            "/v1/invitations",
            {"email": "n@example.com", "role": "cashier", "store_id": s.tenant.store.id},
        ),
    ),
    "invitations.resend": (
        "invitation.sent_again",
        lambda s: (f"/v1/invitations/{s.invitation().public_id}/resend", {}),
    ),
    "invitations.withdraw": (
        "invitation.withdrawn",
        lambda s: (f"/v1/invitations/{s.invitation().public_id}/withdraw", {}),
    ),
    "invitations.accept": (
        "invitation.accepted",
        lambda s: (
            "/v1/invitations/accept",
            {"secret": s.link_of(s.invitation()), "full_name": "N", "password": PASSWORD},
        ),
    ),
    "impersonations.request": (
        "impersonation.started",
        lambda s: (
            "/v1/impersonations",
            {"user_id": s.employee().user_id, "reason": "trouble", "ticket": "T"},
        ),
    ),
    "impersonations.token": (
        "impersonation.token_issued",
        lambda s: (f"/v1/impersonations/{s.impersonation().public_id}/token", {}),
    ),
    "impersonations.approve": (
        "impersonation.approved",
        lambda s: (f"/v1/impersonations/{s.impersonation(writes=True).public_id}/approve", {}),
    ),
    "impersonations.refuse": (
        "impersonation.refused",
        lambda s: (f"/v1/impersonations/{s.impersonation(writes=True).public_id}/refuse", {}),
    ),
    "impersonations.end": (
        "impersonation.ended",
        lambda s: (f"/v1/impersonations/{s.impersonation().public_id}/end", {}),
    ),
    "roles.create": (
        "role.created",
        lambda _s: ("/v1/roles", {"name": "R", "permissions": ["devices:read"]}),
    ),
    "roles.update": ("role.changed", lambda s: (f"/v1/roles/{s.role().public_id}", {"name": "New"})),
    "roles.delete": ("role.deleted", lambda s: (f"/v1/roles/{s.role().public_id}", {})),
    "apps.create": (
        "app.created",
        lambda s: ("/v1/apps", {"package": PACKAGE, "name": "Till", "signers": [SIGNER]}),
    ),
    "apps.update": ("app.changed", lambda s: (f"/v1/apps/{s.app().public_id}", {"name": "New"})),
    "releases.upload": (
        "app_release.uploaded",
        lambda s: (f"/v1/apps/{s.app().public_id}/releases", apk("v2")),
    ),
    "releases.update": (
        "app_release.notes_changed",
        lambda s: (
            f"/v1/apps/{(app := s.app().public_id)}/releases/{make_release(app).public_id}",
            {"notes": "New"},
        ),
    ),
    "rollouts.create": (
        "rollout.started",
        lambda s: ("/v1/rollouts", {"release_id": make_release(s.app().public_id).public_id}),
    ),
    "rollouts.pause": ("rollout.paused", lambda s: (f"/v1/rollouts/{s.rollout().public_id}/pause", {})),
    "rollouts.resume": (
        "rollout.resumed",
        lambda s: (f"/v1/rollouts/{s.rollout(rollouts.pause_rollout).public_id}/resume", {}),
    ),
    "rollouts.halt": ("rollout.halted", lambda s: (f"/v1/rollouts/{s.rollout().public_id}/halt", {})),
    "rollouts.complete": (
        "rollout.completed",
        lambda s: (f"/v1/rollouts/{s.rollout().public_id}/complete", {}),
    ),
    "devices.register": (
        "device.registered",
        lambda s: (f"/v1/stores/{s.tenant.store.id}/devices", {"name": "T", "serial_number": "SN-9"}),
    ),
    "devices.activate": ("device.activated", lambda s: ("/v1/devices/activate", activation_body(s))),
    "devices.activation_code": (
        "device.activation_code_issued",
        lambda s: (f"/v1/devices/{s.registered().public_id}/activation-code", {}),
    ),
    "devices.suspend": (
        "device.suspended",
        lambda s: (f"/v1/devices/{s.active().public_id}/suspend", {"reason": "lost"}),
    ),
    "devices.resume": ("device.resumed", lambda s: (f"/v1/devices/{suspended(s).public_id}/resume", {})),
    "devices.revoke": ("device.revoked", lambda s: (f"/v1/devices/{s.active().public_id}/revoke", {})),
    "commands.send": (
        "command.created",
        lambda s: ("/v1/commands", {"device_id": s.active().public_id, "kind": "restart"}),
    ),
    "commands.cancel": (
        "command.cancelled",
        lambda s: (f"/v1/commands/{s.commanded().public_id}/cancel", {}),
    ),
    "command_batches.send": (
        "command_batch.created",
        lambda s: ("/v1/command-batches", {"store_id": s.tenant.store.id, "kind": "restart"}),
    ),
    "command_batches.cancel": (
        "command_batch.cancelled",
        lambda s: (f"/v1/command-batches/{s.batch().public_id}/cancel", {}),
    ),
    "settings.set": ("setting.set", lambda s: (setting_path(s), {"value": ["Hello"]})),
    "settings.unset": ("setting.unset", lambda s: (s.greeted() or setting_path(s), {})),
    "settings.roll_back": (
        "setting.set",
        lambda s: (s.greeted("Hello", "Bye") or f"{setting_path(s)}/rollback", {"version": 1}),
    ),
    "devices.kill": ("device.killed", lambda s: (f"/v1/devices/{s.active().public_id}/kill", {})),
    "devices.update": ("device.changed", lambda s: (f"/v1/devices/{s.active().public_id}", {"name": "New"})),
    "device_preregistrations.create": (
        "device_preregistration.created",
        lambda s: ("/v1/device-preregistrations", {"serial_number": "SN-TO-COME"}),
    ),
    "device_preregistrations.activation_code": (
        "device_preregistration.code_issued",
        lambda s: (f"/v1/device-preregistrations/{s.announced().public_id}/activation-code", {}),
    ),
    "device_preregistrations.withdraw": (
        "device_preregistration.withdrawn",
        lambda s: (f"/v1/device-preregistrations/{s.announced().public_id}/withdraw", {}),
    ),
    "device_imports.start": (
        "device_import.started",
        lambda s: (f"/v1/device-imports/{s.listed().public_id}/start", {}),
    ),
    "device_groups.create": ("device_group.created", lambda s: ("/v1/device-groups", {"name": "North"})),
    "device_groups.update": (
        "device_group.changed",
        lambda s: (f"/v1/device-groups/{s.group().public_id}", {"name": "South"}),
    ),
    "device_groups.add_members": (
        "device_group.members_added",
        lambda s: (
            f"/v1/device-groups/{s.group().public_id}/members",
            {"device_ids": [s.active().public_id]},
        ),
    ),
    "device_groups.remove_members": (
        "device_group.members_removed",
        lambda s: (
            f"/v1/device-groups/{(group := s.group(s.active())).public_id}/members/remove",
            {"device_ids": [s.member(group)]},
        ),
    ),
    "device_groups.delete": (
        "device_group.deleted",
        lambda s: (f"/v1/device-groups/{s.group().public_id}", {}),
    ),
}
# The version that some of them must have seen.
SEEN = {"roles.update": "1", "settings.set": "0", "settings.unset": "1", "settings.roll_back": "2"}
# These have their own tables.
SIGNING_IN = {
    *test_audit_of_signing_in.OPERATIONS,
    *test_audit_of_signing_in.CHANGE_NOTHING,
    test_audit_of_signing_in.POLICY,
}
# Calls that change nothing that lasts, and why.
CHANGE_NOTHING = {
    "devices.command_result": "leaves a record of its terminal: tests/portal/rest/test_commands.py",
    "updates.report": "a terminal's own progress; how it ended is recorded, as the services below show",
    "settings.preview": "only counts",
    "auth.token": "a token lives for minutes; its assertion is remembered until it expires",
    "devices.heartbeat": "a terminal says how it is, every minute; its last report and samples are kept",
}
# Calls that do several things at once: all that is recorded, in order.
SEVERAL = {
    "device_preregistrations.assign": (
        ["device_preregistration.assigned", "device.registered"],
        lambda s: (
            f"/v1/device-preregistrations/{s.announced().public_id}/assign",
            {"store_id": s.tenant.store.id},
        ),
    ),
    "device_imports.create": (["device_import.checked"], lambda s: ("/v1/device-imports", LISTED)),
    "device_imports.create_for_store": (
        ["device_import.checked"],
        lambda s: (f"/v1/stores/{s.tenant.store.id}/devices/imports", LISTED),
    ),
    "devices.replace": (
        ["device.revoked", "device.registered", "device.replaced"],
        lambda s: (f"/v1/devices/{s.active().public_id}/replace", {"serial_number": "SN-NEW"}),
    ),
}


def setting_path(stage: Stage) -> str:
    return f"/v1/settings/store/{stage.tenant.store.id}/{GREETING}"


def activation_body(stage: Stage) -> dict[str, Any]:
    found, key = register(stage.tenant.store), ECKey.generate_key("P-256", private=True)
    stage.hide(found.activation_code)
    return {
        "activation_code": found.activation_code,
        "public_jwk": key.as_dict(private=False),
        "proof": make_proof(found.device.serial_number, key),
    }


def suspended(stage: Stage) -> Device:
    device = stage.active()
    return devices.suspend_device(scope=SEED, device_id=device.id, actor="test", now=clock.now())


def write_operations() -> Iterator[tuple[str, str]]:
    for endpoint in ENDPOINTS.values():
        for method, operation in declared(endpoint).items():
            if endpoint.__module__.startswith("mpac.portal.") and method != "get":
                yield operation.name, method


METHODS = dict(write_operations())


@pytest.fixture
def stage(database) -> Stage:
    return Stage(make_tenant())


# What servers' keys do not reach, and what the platform's operators do alone.
FOR_PEOPLE = ("api_keys.", "users.", "memberships.", "roles.", "invitations.", "impersonations.")
ANONYMOUS = ("devices.activate", "invitations.accept")
FOR_OPERATORS = ("psps.", "users.create", "users.update", "impersonations.")


def test_every_write_operation_is_entered():
    assert set(METHODS) == set(OPERATIONS) | set(CHANGE_NOTHING) | set(SEVERAL) | SIGNING_IN


@pytest.mark.parametrize("name", OPERATIONS)
def test_is_left_by_every_write_operation(stage, api, name):
    action, prepare = OPERATIONS[name]
    path, body = prepare(stage)
    person, token = make_token(
        stage, platform=name.startswith(FOR_OPERATORS), partner=not name.startswith(FOR_PEOPLE)
    )
    before = len(audited())
    answer = api.generic(
        METHODS[name].upper(),
        path,
        body if isinstance(body, bytes) else json.dumps(body),
        content_type=APK if isinstance(body, bytes) else "application/json",
        headers={"User-Agent": "till/1.0", "X-Request-Id": "req-9", "If-Match": SEEN.get(name, "")}
        | {"Idempotency-Key": "key-9"}
        | ({} if name in ANONYMOUS else {"Authorization": f"Bearer {token}"}),
    )
    assert answer.status_code in {200, 201}, answer.content
    for shown in ("activation_code", "secret", "access_token"):
        if secret := answer.json().get(shown):
            stage.hide(secret)
    *_, found = audited()[before:]
    assert (found["action"], found["context"], found["request_id"]) == (action, "portal", "req-9")
    assert (found["address"], found["user_agent"]) == ("127.0.0.1", "till/1.0")
    if name not in ANONYMOUS:
        assert (found["actor_kind"], found["actor_id"]) == person
    assert_hidden(stage)


@pytest.mark.parametrize("name", SEVERAL)
def test_is_left_for_each_thing_that_one_call_does(stage, api, name):
    actions, prepare = SEVERAL[name]
    path, body = prepare(stage)
    _, token = make_token(stage, platform=False, partner=True)
    before = len(audited())
    answer = api.generic(
        METHODS[name].upper(),
        path,
        body if isinstance(body, str) else json.dumps(body),
        content_type="text/csv" if isinstance(body, str) else "application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 201, answer.content
    if code := answer.json().get("activation_code"):
        stage.hide(code)
    assert [record["action"] for record in audited()[before:]] == actions
    assert_hidden(stage)


def make_token(stage: Stage, *, platform: bool, partner: bool) -> tuple[tuple[str, str], str]:
    """A caller: an operator of the platform or a provider's person by a token, or a provider's server by its key."""
    caller = stage.caller()
    if platform:
        return ("person", f"user:{caller.pk}"), person_token(scopes=["platform"], user_id=caller.pk)
    if not partner:
        names = {"psp_id": stage.tenant.psp.id}
        return ("person", f"user:{caller.pk}"), person_token(Place(names, []), "psp_id", user_id=caller.pk)
    secret = make_api_key(stage.tenant.psp)
    stage.hide(secret)
    with atomic(SEED):
        return ("partner", ApiKey.objects.latest("created_at").public_id), secret


# --- below HTTP -------------------------------------------------------------------------------------------------------


def call_set_password(stage: Stage) -> None:
    people.set_password(scope=SEED, user=stage.person(), password=f"{PASSWORD} 2", now=clock.now())


def call_authenticator(stage: Stage) -> None:
    user = stage.person()
    for _ in range(2):
        found = people.set_up_authenticator(scope=SEED, user=user, name="phone", now=clock.now())
        stage.hide(found.base32_secret)


def call_grant(stage: Stage) -> None:
    user = stage.person()
    for _ in range(2):  # the second changes nothing
        people.grant_role(
            scope=SEED, user=user, role=Role.PSP_ADMIN, psp_id=stage.tenant.psp.id, now=clock.now()
        )


def call_update_user(stage: Stage) -> None:
    user_id, by = stage.person().pk, stage.as_admin()
    for changes in ({"full_name": "New"}, {"is_active": False}, {"is_active": True}):
        for _ in range(2):  # the second changes nothing
            users.update_user(scope=SEED, by=by, user_id=user_id, changes=changes, now=clock.now())


def call_own_account(stage: Stage) -> None:
    changes = {"phone_number": "+66812345678"}
    users.update_own_account(user_id=stage.person().pk, changes=changes, now=clock.now())


def call_profile(stage: Stage) -> None:
    users.update_profile(user_id=stage.person().pk, changes={"city": "Bangkok"}, now=clock.now())


def call_preferences(stage: Stage) -> None:
    changes = {"marketing_emails_enabled": True}
    users.update_preferences(user_id=stage.person().pk, changes=changes, now=clock.now())


def call_membership(stage: Stage) -> None:
    by, held = stage.as_admin(), stage.employee()
    for _ in range(2):  # the second changes nothing
        memberships.grant_membership(
            scope=SEED,
            by=by,
            user_id=held.user_id,
            wanted=memberships.Wanted(role=Role.PSP_ADMIN, psp_id=stage.tenant.psp.id),
            now=clock.now(),
        )


def call_withdraw(stage: Stage) -> None:
    by, held = stage.as_admin(), stage.employee()
    memberships.withdraw_membership(
        scope=SEED, by=by, user_id=held.user_id, membership_id=held.pk, now=clock.now()
    )


def call_remove(stage: Stage) -> None:
    by, held = stage.as_admin(), stage.employee()
    memberships.remove_user(scope=SEED, by=by, user_id=held.user_id, now=clock.now())


def change_invitation(step: Callable[..., Any]) -> Callable[[Stage], None]:
    return lambda s: step(scope=SEED, invitation_id=s.invitation().id, by=s.as_admin(), now=clock.now())


def call_accept(stage: Stage) -> None:
    secret = stage.link_of(stage.invitation())
    for _ in range(2):  # the second changes nothing
        invitations.accept_invitation(
            secret=secret, password=PASSWORD, full_name="N", caller_id=None, now=clock.now()
        )
    with pytest.raises(DomainError):
        invitations.accept_invitation(
            secret=secret, password="wrong", full_name="", caller_id=None, now=clock.now()
        )


def decide(step: Callable[..., Any]) -> Callable[[Stage], None]:
    def call(stage: Stage) -> None:
        asked = stage.impersonation(writes=True)
        by = Person(stage.caller().pk, EVERYTHING)
        step(scope=SEED, by=by, impersonation_id=asked.id, now=clock.now())

    return call


def call_end_all(stage: Stage) -> None:
    target_id = stage.impersonation().target_id
    for _ in range(2):  # the second changes nothing
        impersonations.end_impersonations_with(scope=SEED, user_id=target_id, now=clock.now())


def call_stop(stage: Stage) -> None:
    by = Person(stage.caller().pk, EVERYTHING)
    why = impersonations.Reasons(reason="trouble", ticket="T-1", minutes=5, in_console=True)
    impersonations.request_impersonation(
        scope=SEED, by=by, user_id=stage.employee().user_id, why=why, now=clock.now()
    )
    for _ in range(2):  # the second changes nothing
        impersonations.stop_own_impersonation(user_id=by.user_id, now=clock.now())


def call_token(stage: Stage) -> None:
    signing_keys.ensure_signing_key(now=clock.now())
    begun = stage.impersonation()
    by = Person(begun.impersonator_id, EVERYTHING)
    issued = issue_impersonation_token(scope=SEED, by=by, impersonation_id=begun.id, now=clock.now())
    stage.hide(issued.access_token)


def call_update_role(stage: Stage) -> None:
    role, by = stage.role(), stage.as_admin()
    for version in (1, 2):  # the second changes nothing
        custom_roles.update_custom_role(
            scope=SEED, by=by, role_id=role.pk, version=version, name="New", now=clock.now()
        )


def call_admit(stage: Stage) -> None:
    for reset in (False, True):
        found = people.admit_operator(
            email="op@example.com", password=PASSWORD, full_name="", reset=reset, now=clock.now()
        )
        stage.hide(found.base32_secret)


def call_activation(stage: Stage) -> None:
    body = activation_body(stage)
    with pytest.raises(DomainError):
        activation.activate_device(**body | {"activation_code": "ABCD-EFGH-JKLM"}, now=clock.now())
    activation.activate_device(**body, now=clock.now())


def call_rotation(stage: Stage) -> None:
    now = clock.now()
    signing_keys.ensure_signing_key(now=now)
    signing_keys.publish_next_key(now=now)
    signing_keys.advance_rotation(now=now + seconds(conf.KEY_SET_MAX_AGE_S))
    signing_keys.advance_rotation(now=now + seconds(conf.KEY_SET_MAX_AGE_S + conf.KEY_RETIREMENT_S))


def call_retire(stage: Stage) -> None:
    signing_keys.retire_key_now(kid=signing_keys.ensure_signing_key(now=clock.now()).kid, now=clock.now())


def call_update_app(stage: Stage) -> None:
    app = stage.app()
    for _ in range(2):  # the second changes nothing
        changes = apps.AppChanges(name="New")
        apps.update_app(scope=SEED, app_id=app.id, changes=changes, now=clock.now())


def call_add_release(stage: Stage) -> None:
    app = stage.app()
    for _ in range(2):  # the second changes nothing
        with incoming() as file:
            file.write(apk("v2"))
            apps.add_release(scope=SEED, app_id=app.id, file=file, now=clock.now())


def call_update_release(stage: Stage) -> None:
    app = stage.app()
    release = make_release(app.public_id)
    for _ in range(2):  # the second changes nothing
        apps.update_release(scope=SEED, app_id=app.id, release_id=release.id, notes="New", now=clock.now())


def call_advance(stage: Stage) -> None:
    make_rollout(make_release(stage.app().public_id), shares=(5000, 10_000))
    for hours in (1, 2, 3):
        rollouts.advance_rollouts(now=clock.now() + seconds(hours * 3600))


def call_report(stage: Stage) -> None:
    started, device = stage.rollout(), stage.active()
    for status in ("downloaded", "failed", "installed", "installed", "downloaded"):
        updates.report_update(
            scope=stage.tenant.scope,
            device_id=device.id,
            rollout_id=started.id,
            report=updates.Report(status=status),
            now=clock.now(),
        )


def call_demo(stage: Stage) -> None:
    made = demo.seed_demo(known={}, now=clock.now())
    private = made["device"]["private_jwk"]["d"]
    for secret in (made["admin"]["password"], made["admin"]["totp_secret"], made["psp"]["api_key"], private):
        stage.hide(secret)
    hide_credentials(stage, made["providers"]["credentials"])


def call_accounts(stage: Stage) -> None:
    made = demo_accounts.seed_accounts(known={}, store_id=stage.tenant.store.id, now=clock.now())
    hide_credentials(stage, made)


def call_result(stage: Stage) -> None:
    command = stage.commanded(fetched=True)
    for _ in range(2):  # the second changes nothing
        commands.take_result(
            scope=SEED,
            device_id=command.device_id,
            command_id=command.id,
            result=Result(status=CommandStatus.SUCCEEDED),
            now=clock.now(),
        )


def call_take_over(stage: Stage) -> None:
    device = stage.active()
    place = get_place(scope=SEED, level="device", key=device.public_id)
    settings.set_setting(
        scope=SEED,
        place=place,
        name="network.wifi_password",
        value=SECRET,
        locked=False,
        change=CHANGE,
        now=clock.now(),
    )
    found = replacement.replace_device(
        scope=SEED, device_id=device.id, serial_number="SN-NEW", actor="user:1", now=clock.now()
    )
    stage.hide(found.activation_code)


def hide_credentials(stage: Stage, made: Mapping[str, Mapping[str, str]]) -> None:
    for credentials in made.values():
        for secret in credentials.values():
            stage.hide(secret)


ALL_ACCOUNTS = ["provider_config.created"] * len(demo_accounts.ACCOUNTS)


def call_create_config(stage: Stage) -> None:
    stage.configured()


def call_update_config(stage: Stage) -> None:
    stage.configured()
    for credentials in (None, {"api_key": f"{SECRET}-2"}):
        provider_configs.update_provider_config(
            scope=SEED,
            store_id=stage.tenant.store.id,
            provider="scb",
            credentials=credentials,
            now=clock.now(),
        )


def call_update(level: str) -> Callable[[Stage], None]:
    def call(stage: Stage) -> None:
        entry = getattr(stage.tenant, level)
        for _ in range(2):  # the second changes nothing
            getattr(hierarchy, f"update_{level}")(
                scope=SEED,
                **{f"{level}_id": entry.id},
                changes=ProfileChanges(name="New"),
                now=clock.now(),
            )

    return call


def move(step: Callable[..., Any], get: Callable[[Stage], Device]) -> Callable[[Stage], None]:
    return lambda s: step(scope=SEED, device_id=get(s).id, actor="test", reason="lost", now=clock.now())


# Each service that writes: what it does, and the last records that this leaves.
SERVICES: dict[str, tuple[Callable[[Stage], object], list[str]]] = {
    "activation.activate_device": (call_activation, ["device.activation_refused", "device.activated"]),
    "api_keys.issue_api_key": (Stage.key, ["api_key.issued"]),
    "api_keys.roll_api_key": (
        lambda s: api_keys.roll_api_key(scope=SEED, api_key_id=s.key().id, overlap_s=60, now=clock.now()),
        ["api_key.issued", "api_key.issued", "api_key.rolled"],
    ),
    "api_keys.revoke_api_key": (
        lambda s: api_keys.revoke_api_key(scope=SEED, api_key_id=s.key().id, now=clock.now()),
        ["api_key.issued", "api_key.revoked"],
    ),
    "apps.create_app": (Stage.app, ["app.created"]),
    "apps.update_app": (call_update_app, ["app.created", "app.changed"]),
    "apps.update_release": (call_update_release, ["app.created", "app_release.notes_changed"]),
    "apps.add_release": (call_add_release, ["app.created", "app_release.uploaded"]),
    "rollouts.start_rollout": (Stage.rollout, ["app.created", "rollout.started"]),
    "rollouts.pause_rollout": (
        lambda s: s.rollout(rollouts.pause_rollout),
        ["rollout.started", "rollout.paused"],
    ),
    "rollouts.resume_rollout": (
        lambda s: s.rollout(rollouts.pause_rollout, rollouts.resume_rollout),
        ["rollout.paused", "rollout.resumed"],
    ),
    "rollouts.halt_rollout": (
        lambda s: s.rollout(rollouts.halt_rollout),
        ["rollout.started", "rollout.halted"],
    ),
    "rollouts.complete_rollout": (
        lambda s: s.rollout(rollouts.complete_rollout),
        ["rollout.started", "rollout.completed"],
    ),
    "rollouts.advance_rollouts": (
        call_advance,
        ["rollout.started", "rollout.wave_begun", "rollout.completed"],
    ),
    "updates.report_update": (
        call_report,
        ["device_update.failed", "device_update.installed"],
    ),
    "demo.seed_demo": (
        call_demo,
        ["api_key.issued", "device.registered", "device.activated", *ALL_ACCOUNTS],
    ),
    "commands.send_command": (Stage.commanded, ["command.created"]),
    "commands.cancel_command": (
        lambda s: commands.cancel_command(
            scope=SEED, command_id=s.commanded().id, actor="user:1", now=clock.now()
        ),
        ["command.created", "command.cancelled"],
    ),
    "commands.take_result": (call_result, ["command.created", "command.succeeded"]),
    "command_batches.send_batch": (Stage.batch, ["command_batch.created"]),
    "command_batches.cancel_batch": (
        lambda s: command_batches.cancel_batch(scope=SEED, batch_id=s.batch().id, now=clock.now()),
        ["command_batch.created", "command_batch.cancelled"],
    ),
    "settings.take_over_settings": (call_take_over, ["setting.set", "device.replaced"]),
    "demo_accounts.seed_accounts": (call_accounts, list(ALL_ACCOUNTS)),
    "devices.register_device": (Stage.registered, ["device.registered"]),
    "devices.reissue_activation_code": (
        lambda s: s.hide(
            devices.reissue_activation_code(
                scope=SEED, device_id=s.registered().id, now=clock.now()
            ).activation_code
        ),
        ["device.registered", "device.activation_code_issued"],
    ),
    "devices.suspend_device": (move(devices.suspend_device, Stage.active), ["device.suspended"]),
    "devices.resume_device": (move(devices.resume_device, suspended), ["device.suspended", "device.resumed"]),
    "devices.revoke_device": (move(devices.revoke_device, Stage.active), ["device.revoked"]),
    "devices.assign_device": (
        lambda s: s.hide(
            str(
                devices.assign_device(
                    scope=SEED, entry_id=s.announced().id, store_id=s.tenant.store.id, now=clock.now()
                ).activation_code
            )
        ),
        ["device_preregistration.created", "device_preregistration.assigned", "device.registered"],
    ),
    "preregistrations.preregister": (Stage.announced, ["device_preregistration.created"]),
    "preregistrations.reissue_preregistration_code": (
        lambda s: s.hide(
            preregistrations.reissue_preregistration_code(
                scope=SEED, entry_id=s.announced().id, now=clock.now()
            ).activation_code
        ),
        ["device_preregistration.created", "device_preregistration.code_issued"],
    ),
    "preregistrations.withdraw_preregistration": (
        lambda s: preregistrations.withdraw_preregistration(
            scope=SEED, entry_id=s.announced().id, now=clock.now()
        ),
        ["device_preregistration.created", "device_preregistration.withdrawn"],
    ),
    "device_imports.check_list": (Stage.listed, ["device_import.checked"]),
    "device_imports.start_import": (
        lambda s: device_imports.start_import(scope=SEED, import_id=s.listed().id, now=clock.now()),
        ["device_import.checked", "device_import.started"],
    ),
    "device_imports.run_imports": (
        Stage.imported,
        ["device_import.started", "device.registered", "device.registered", "device_import.done"],
    ),
    "device_groups.create_group": (Stage.group, ["device_group.created"]),
    "device_groups.update_group": (
        lambda s: device_groups.update_group(
            scope=SEED, group_id=s.group().id, name="North", now=clock.now()
        ),
        ["device_group.created", "device_group.changed"],
    ),
    "device_groups.add_members": (
        lambda s: s.group(s.active()),
        ["device_group.created", "device_group.members_added"],
    ),
    "device_groups.remove_members": (
        lambda s: device_groups.remove_members(
            scope=SEED, device_ids=[(d := s.active()).id], group_id=s.group(d).id, now=clock.now()
        ),
        ["device_group.members_added", "device_group.members_removed"],
    ),
    "device_groups.delete_group": (
        lambda s: device_groups.delete_group(scope=SEED, group_id=s.group().id, now=clock.now()),
        ["device_group.created", "device_group.deleted"],
    ),
    "device_groups.update_device": (
        lambda s: device_groups.update_device(
            scope=SEED, device_id=s.active().id, labels={"lane": "1"}, now=clock.now()
        ),
        ["device.changed"],
    ),
    "killing.kill_device": (move(killing.kill_device, Stage.active), ["device.killed"]),
    "replacement.replace_device": (
        lambda s: s.hide(
            replacement.replace_device(
                scope=SEED,
                device_id=s.active().id,
                serial_number="SN-NEW",
                actor="test",
                now=clock.now(),
            ).activation_code
        ),
        ["device.revoked", "device.registered", "device.replaced"],
    ),
    "hierarchy.create_psp": (
        lambda s: hierarchy.create_psp(scope=SEED, profile=make_profile(), now=clock.now()),
        ["psp.created"],
    ),
    "hierarchy.create_merchant": (
        lambda s: hierarchy.create_merchant(
            scope=SEED, psp_id=s.tenant.psp.id, profile=make_profile(), now=clock.now()
        ),
        ["merchant.created"],
    ),
    "hierarchy.create_store": (
        lambda s: hierarchy.create_store(
            scope=SEED, merchant_id=s.tenant.merchant.id, profile=make_profile(), now=clock.now()
        ),
        ["store.created"],
    ),
    "hierarchy.update_psp": (call_update("psp"), ["store.created", "psp.changed"]),
    "hierarchy.update_merchant": (call_update("merchant"), ["store.created", "merchant.changed"]),
    "hierarchy.update_store": (call_update("store"), ["store.created", "store.changed"]),
    "people.create_user": (Stage.person, ["user.created"]),
    "people.set_password": (call_set_password, ["user.created", "user.password_set"]),
    "people.grant_role": (call_grant, ["user.created", "membership.granted"]),
    "people.set_up_authenticator": (
        call_authenticator,
        ["authenticator.set_up", "authenticator.removed", "authenticator.set_up"],
    ),
    "people.admit_operator": (
        call_admit,
        [
            *("user.created", "membership.granted", "authenticator.set_up"),
            *("user.password_set", "authenticator.removed", "authenticator.set_up"),
        ],
    ),
    "users.register_user": (Stage.caller, ["user.created"]),
    "users.update_user": (call_update_user, ["user.changed", "user.deactivated", "user.reactivated"]),
    "users.end_sessions_of": (
        lambda s: users.end_sessions_of(scope=SEED, user_id=s.signed_in().user_id, now=clock.now()),
        ["session.ended"],
    ),
    "users.update_own_account": (call_own_account, ["user.created", "user.changed"]),
    "users.update_profile": (call_profile, ["user.created", "user_profile.changed"]),
    "users.update_preferences": (call_preferences, ["user.created", "user_preferences.changed"]),
    "memberships.grant_membership": (call_membership, ["membership.granted", "membership.granted"]),
    "memberships.admit": (call_membership, ["membership.granted", "membership.granted"]),
    "memberships.withdraw_membership": (call_withdraw, ["membership.withdrawn"]),
    "memberships.remove_user": (call_remove, ["membership.withdrawn", "user.deactivated"]),
    "memberships.deactivate": (call_remove, ["membership.withdrawn", "user.deactivated"]),
    "invitations.invite_person": (Stage.invitation, ["membership.granted", "invitation.made"]),
    "invitations.resend_invitation": (
        change_invitation(invitations.resend_invitation),
        ["invitation.made", "invitation.sent_again"],
    ),
    "invitations.withdraw_invitation": (
        change_invitation(invitations.withdraw_invitation),
        ["invitation.made", "invitation.withdrawn"],
    ),
    "invitations.accept_invitation": (
        call_accept,
        ["user.created", "membership.granted", "invitation.accepted", "invitation.refused"],
    ),
    "impersonations.request_impersonation": (
        Stage.impersonation,
        ["user.created", "membership.granted", "impersonation.started"],
    ),
    "impersonations.approve_impersonation": (
        decide(impersonations.approve_impersonation),
        ["impersonation.requested", "user.created", "impersonation.approved"],
    ),
    "impersonations.refuse_impersonation": (
        decide(impersonations.refuse_impersonation),
        ["impersonation.requested", "user.created", "impersonation.refused"],
    ),
    "impersonations.end_impersonation": (
        decide(impersonations.end_impersonation),
        ["impersonation.requested", "user.created", "impersonation.ended"],
    ),
    "impersonations.end_impersonations_with": (
        call_end_all,
        ["impersonation.started", "impersonation.ended"],
    ),
    "impersonations.stop_own_impersonation": (call_stop, ["impersonation.started", "impersonation.ended"]),
    "impersonation_tokens.issue_impersonation_token": (
        call_token,
        ["impersonation.started", "impersonation.token_issued"],
    ),
    "custom_roles.create_custom_role": (Stage.role, ["role.created"]),
    "custom_roles.update_custom_role": (call_update_role, ["role.created", "role.changed"]),
    "custom_roles.delete_custom_role": (
        lambda s: custom_roles.delete_custom_role(
            scope=SEED, role_id=s.role().pk, by=s.as_admin(), now=clock.now()
        ),
        ["role.created", "role.deleted"],
    ),
    "provider_configs.create_provider_config": (call_create_config, ["provider_config.created"]),
    "provider_configs.update_provider_config": (
        call_update_config,
        ["provider_config.created", "provider_config.changed"],
    ),
    "revocations.revoke_token": (
        lambda s: revocations.revoke_token(
            scope=SEED, jti="a-token", psp_id=s.tenant.psp.id, now=clock.now()
        ),
        ["token.revoked"],
    ),
    "settings.set_setting": (
        lambda s: (s.set("network.wifi_password", SECRET), s.greeted("Hello", "Hello")),
        ["store.created", "setting.set", "setting.set"],
    ),
    "settings.unset_setting": (
        lambda s: (
            s.greeted(),
            settings.unset_setting(
                scope=SEED, place=s.place(), name=GREETING, change=CHANGE, now=clock.now()
            ),
        ),
        ["store.created", "setting.set", "setting.unset"],
    ),
    "settings.roll_back_setting": (
        lambda s: (
            s.greeted("Hello", "Bye"),
            settings.roll_back_setting(
                scope=SEED, place=s.place(), name=GREETING, version=1, change=CHANGE, now=clock.now()
            ),
        ),
        ["store.created", "setting.set", "setting.set", "setting.set"],
    ),
    "signing_keys.ensure_signing_key": (
        lambda s: signing_keys.ensure_signing_key(now=clock.now()),
        ["signing_key.created"],
    ),
    "signing_keys.publish_next_key": (
        lambda s: signing_keys.publish_next_key(now=clock.now()),
        ["signing_key.created"],
    ),
    "signing_keys.advance_rotation": (
        call_rotation,
        ["signing_key.retiring", "signing_key.active", "signing_key.retired"],
    ),
    "signing_keys.retire_key_now": (call_retire, ["signing_key.retired", "signing_key.created"]),
}
# Services that leave no record, and why.
SILENT = {
    "commands.new_command": "writes nothing",
    "commands.announce_commands": "a part of the sending, which is recorded",
    "commands.hand_out_commands": "a terminal fetches what it was sent; the command's history says when",
    "commands.expire_commands": "time has passed; the command's history says so",
    "commands.step": "a part of what brings it about, which is recorded",
    "command_batches.expand_batch": "a part of the sending, which is recorded",
    "command_batches.cancel_rest_of_batch": "a part of the calling off, which is recorded",
    "config_news.tell_of_regrouping": "a part of the change that asks for it, which is recorded",
    "config_news.tell_of_relabelling": "a part of the change that asks for it, which is recorded",
    "downloads.check_download": "reads",
    "downloads.download_address": "writes nothing",
    "updates.count_payments": "counts what smarttab records",
    "api_keys.authenticate_api_key": "reads; when a key was last used is no change of it",
    "cleanup.forget_expired": "removes what has lost its meaning by itself",
    "cleanup.forget_commands": "removes what ended long ago; the trail keeps who did it",
    "cleanup.trim_lists": "removes what a list held beside serial numbers",
    "devices.place_of": "reads",
    "devices.whole_provider": "reads",
    "device_imports.code_of": "reads",
    "device_imports.place_of_merchant": "reads",
    "device_imports.place_of_store": "reads",
    "known_devices.remember_mailbox": "a part of the reset that asks for it, which is recorded",
    "preregistrations.hold_serial_number": "waits for its turn",
    "preregistrations.hold_unassigned": "waits for its turn",
    "sessions.hold_person": "waits for its turn",
    "preregistrations.announce_activation": "a part of the change that asks for it, which is recorded",
    "preregistrations.set_code": "a part of the change that asks for it, which is recorded",
    "preregistrations.take_announced": "a part of a registration, which is recorded",
    "heartbeats.find_silent_devices": "tells of terminals that say nothing; nobody has changed anything",
    "heartbeats.record_heartbeat": "a terminal says how it is, every minute; its last report and samples are kept",
    "memberships.appoint": "writes nothing",
    "revocations.refuse_earlier_tokens_of": "a part of the change that asks for it, which is recorded",
    "users.get_preferences": "reads",
    "users.get_profile": "reads",
    "revocations.revoke_tokens_of": "a part of the change that asks for it, which is recorded",
    "revocations.lift_revocation": "a part of the change that asks for it, which is recorded",
    "revocations.token_subject": "reads",
    "settings.get_setting": "reads",
    "settings.preview_setting": "reads",
    "config_news.spread_config_news": "tells of a change that is recorded",
    "config_news.where": "reads",
    "rollout_news.announce_wave": "tells of a wave whose begin is recorded",
    "signing_keys.private_key": "reads",
    "tokens.exchange_assertion": "a token lives for minutes; its assertion is remembered until it expires",
    "tokens.issue_device_token": "writes nothing",
    "trust.published_keys": "reads",
    "verification.authenticate_token": "reads",
}


def public_services() -> set[str]:
    found = set()
    for module in pkgutil.iter_modules(services.__path__):
        held = importlib.import_module(f"{services.__name__}.{module.name}")
        found |= {
            f"{module.name}.{name}"
            for name, function in inspect.getmembers(held, inspect.isfunction)
            if not name.startswith("_") and function.__module__ == held.__name__
        }
    return found


def test_every_service_is_entered():
    signing_in = set(test_audit_of_signing_in.SERVICES) | set(test_audit_of_signing_in.SILENT)
    assert public_services() == set(SERVICES) | set(SILENT) | signing_in


@pytest.mark.parametrize("name", SERVICES)
def test_is_left_by_every_service(stage, name):
    call, actions = SERVICES[name]
    call(stage)
    assert [record["action"] for record in audited()][-len(actions) :] == actions
    assert_hidden(stage)


def test_is_not_left_when_the_change_is_rolled_back(stage):
    before = len(audited())

    def create_two() -> None:
        with atomic(SEED):
            for code in ("FRESH", stage.tenant.merchant.code):
                hierarchy.create_merchant(
                    scope=SEED, psp_id=stage.tenant.psp.id, profile=make_profile(code), now=clock.now()
                )

    with pytest.raises(CodeTaken):
        create_two()
    assert len(audited()) == before


def assert_hidden(stage: Stage) -> None:
    """No secret is in any record, on its way or in the trail."""
    deliver_all([db])
    with audit_atomic(SystemScope("invariants")):
        whole = str(audited()) + str(list(AuditEvent.objects.values()))
    assert [secret for secret in stage.secrets if secret in whole] == []
    with atomic(SEED):
        kept = [key.secret_hash for key in ApiKey.objects.all()]
        kept += [user.password for user in User.objects.all()]
        kept += [key.private_jwk_sealed for key in SigningKey.objects.all()]
    assert [secret for secret in kept if secret in whole] == []


# --- what it says -----------------------------------------------------------------------------------------------------


def trail(psp_id: int | None) -> list[AuditEvent]:
    deliver_all([db])
    with audit_atomic(SystemScope("invariants")):
        return list(AuditEvent.objects.filter(psp_id=psp_id).order_by("sequence"))


def test_shows_what_was_changed_and_what_it_was(stage):
    hierarchy.update_store(
        scope=SEED,
        store_id=stage.tenant.store.id,
        changes=ProfileChanges(name="New", status="suspended"),
        now=clock.now(),
    )
    found = trail(stage.tenant.psp.id)[-1]
    assert (found.before, found.after) == (
        {"name": stage.tenant.store.name, "status": "active", "version": 1},
        {"name": "New", "status": "suspended", "version": 2},
    )
    place = (found.psp_id, found.merchant_id, found.store_id, found.object_type, found.object_id)
    store = stage.tenant.store
    assert place == (store.psp_id, store.merchant_id, store.id, "store", str(store.id))


def test_shows_that_a_secret_changed_and_not_what_it_is(stage):
    call_update_config(stage)
    found = trail(stage.tenant.psp.id)[-1]
    assert found.before == {"credentials_sealed": "[redacted]", "version": 1}
    assert found.after == {"credentials_sealed": "[redacted]", "version": 2}


def test_says_why(stage):
    device = stage.active()
    devices.revoke_device(scope=SEED, device_id=device.id, actor="test", reason="stolen", now=clock.now())
    found = trail(stage.tenant.psp.id)[-1]
    assert (found.action, found.object_id, found.reason, found.livemode) == (
        "device.revoked",
        device.public_id,
        "stolen",
        False,
    )


def test_names_a_terminal_that_activates_itself(stage):
    device = stage.active()
    found = trail(stage.tenant.psp.id)[-1]
    assert (found.action, found.actor_kind, found.actor_id) == (
        "device.activated",
        "device",
        device.public_id,
    )


def test_belongs_to_the_platform_when_it_is_nobodys(stage):
    signing_keys.ensure_signing_key(now=clock.now())
    assert [record.action for record in trail(None)] == ["signing_key.created"]


def test_tells_who_signed_in_to_whose_console_and_who_was_refused(stage):
    email, secret = make_person(Role.PSP_ADMIN, psp_id=stage.tenant.psp.id)
    stage.hide(secret)
    sign_in(email, password="wrong horse battery")
    sign_in("nobody@example.com", secret, password="wrong horse battery")
    sign_in(email, secret)
    with atomic(SEED):
        user = User.objects.get(email=email)
    refused = [record for record in trail(None) if record.action == "user.sign_in_refused"]
    assert {(record.object_id, record.actor_kind) for record in refused} == {
        (str(user.pk), "anonymous"),
        ("unknown", "anonymous"),
    }
    entered = trail(stage.tenant.psp.id)[-1]
    assert (entered.action, entered.actor_kind, entered.actor_id, entered.address) == (
        *("user.signed_in", "person", f"user:{user.pk}"),
        "127.0.0.1",
    )
    assert pyotp.TOTP(secret).now() not in str(trail(None))
    assert_hidden(stage)


def test_is_left_by_the_consoles_own_page_for_passwords(stage):
    client, _ = sign_in(*make_person(Role.PSP_ADMIN, psp_id=stage.tenant.psp.id))
    form = {"old_password": PASSWORD, "new_password1": f"{SECRET} 2", "new_password2": f"{SECRET} 2"}
    assert client.post("/admin/password_change/", form).status_code == 302
    with atomic(SEED):
        user = User.objects.get(email__startswith="psp-admin")
    found = trail(None)[-1]
    assert (found.action, found.object_id, found.actor_kind, found.actor_id) == (
        *("user.password_set", str(user.pk)),
        *("person", f"user:{user.pk}"),
    )
    assert_hidden(stage)


def test_names_both_people_when_one_acts_as_another(stage, api, monkeypatch):
    """The token of an impersonation says who acts; nothing else has to remember to."""
    token = person_token(scopes=["platform"])
    claims = {"act": {"sub": "user:99"}}
    monkeypatch.setattr(
        "mpac.portal.services.verification.orjson.loads", lambda raw: {**json.loads(raw), **claims}
    )
    answer = api.patch(
        f"/v1/psps/{stage.tenant.psp.id}",
        {"name": "New"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200
    found = trail(stage.tenant.psp.id)[-1]
    assert (found.actor_kind, found.actor_id, found.acting_as) == ("person", "user:99", "user:1")
