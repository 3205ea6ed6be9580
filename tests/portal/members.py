"""People to test with: members of a tenant, and their tokens."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from unittest import mock

import msgspec
from django.http import HttpResponse
from django.test import Client

from kernel import clock
from mpac.portal.domain.permissions import ROLE_PERMISSIONS
from mpac.portal.domain.roles import Role
from mpac.portal.models import Membership, User
from mpac.portal.services.people import grant_role
from mpac.portal.services.users import register_user
from tests.architecture.world import Place, person_token
from tests.portal.factories import SEED, Tenant, seconds

LEVELS = {
    Role.PLATFORM_OPERATOR: (),
    Role.PSP_ADMIN: ("psp_id",),
    Role.MERCHANT_ADMIN: ("psp_id", "merchant_id"),
    Role.STORE_MANAGER: ("psp_id", "merchant_id", "store_id"),
    Role.CASHIER: ("psp_id", "merchant_id", "store_id"),
    Role.AUDITOR: ("psp_id",),
}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Somebody:
    """A person with one role, who calls with a token of their own."""

    user: User
    membership: Membership
    token: str

    @property
    def id(self) -> int:
        return self.user.pk

    def call(
        self,
        api: Client,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        return call(api, self.token, method, path, body, headers=headers)


def call(
    api: Client,
    token: str,
    method: str,
    path: str,
    body: Any = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """One request with a bearer's token."""
    raw = b"" if body is None else msgspec.json.encode(body)
    sent = ({"Authorization": f"Bearer {token}"} if token else {}) | dict(headers or {})
    return api.generic(method, f"/v1/{path}", raw, content_type="application/json", headers=sent)


def ids_of(tenant: Tenant) -> dict[str, int]:
    return {"psp_id": tenant.psp.id, "merchant_id": tenant.merchant.id, "store_id": tenant.store.id}


def make_user(name: str = "") -> User:
    """An account without a password, which would take long to hash."""
    name = name or f"person{next(_numbers)}"
    return register_user(scope=SEED, email=f"{name}@example.com", full_name=name, now=clock.now())


def make_member(role: Role, tenant: Tenant, *, levels: tuple[str, ...] | None = None) -> Somebody:
    """Somebody with a role at its level of a tenant."""
    user, names = make_user(), ids_of(tenant)
    levels = LEVELS[role] if levels is None else levels
    where = {level: names[level] for level in levels}
    membership = grant_role(scope=SEED, user=user, role=role, now=clock.now(), **where)
    scopes = ["platform"] if role is Role.PLATFORM_OPERATOR else sorted(ROLE_PERMISSIONS[role])
    return Somebody(user, membership, person_token(Place(names, []), *levels, scopes=scopes, user_id=user.pk))


def later(count: float) -> Any:
    """Everything believes that it is so many seconds later."""
    return mock.patch.object(clock, "now", lambda now=clock.now: now() + seconds(count))
