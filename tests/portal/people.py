"""People to test with: who they are, what they hold, and how they call."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import pyotp
from django.http import HttpResponse
from django.test import Client

from kernel import clock
from mpac.portal.db import atomic
from mpac.portal.domain.roles import Role
from mpac.portal.models import User
from mpac.portal.services import login
from mpac.portal.services.login_policies import set_login_policy
from mpac.portal.services.passwords import request_reset
from mpac.portal.services.people import create_user, grant_role, set_up_authenticator
from mpac.portal.services.recovery_codes import make_recovery_codes
from tests.portal.factories import SEED

PASSWORD = "correct horse battery"
ELSEWHERE = "203.0.113.9"
_numbers = itertools.count(1)


@dataclass
class Person:
    """Somebody with an account; `secret` is that of their authenticator, empty without one."""

    user: User
    secret: str = ""
    password: str = PASSWORD
    steps: itertools.count = field(default_factory=itertools.count)

    @property
    def email(self) -> str:
        return self.user.email

    @property
    def code(self) -> str:
        """A code of the authenticator that was not used before, as long as the tolerance of one step allows."""
        return pyotp.TOTP(self.secret).at(int(clock.now().timestamp()) + 30 * (next(self.steps) % 2))


def make_person(role: Role = Role.CASHIER, *, factor: bool = False, **levels: int) -> Person:
    now = clock.now()
    email = f"person-{next(_numbers)}@example.com"
    user = create_user(scope=SEED, email=email, password=PASSWORD, full_name="Somebody", now=now)
    grant_role(scope=SEED, user=user, role=role, now=now, **levels)
    secret = (
        set_up_authenticator(scope=SEED, user=user, name="phone", now=now).base32_secret if factor else ""
    )
    return Person(user, secret)


def cashier_of(tenant: Any, *, factor: bool = False) -> Person:
    return make_person(
        Role.CASHIER,
        factor=factor,
        psp_id=tenant.psp.id,
        merchant_id=tenant.merchant.id,
        store_id=tenant.store.id,
    )


def post(
    api: Client, path: str, body: Any = None, *, token: str = "", address: str = "127.0.0.1"
) -> HttpResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return api.post(
        f"/v1/auth/{path}", body or {}, content_type="application/json", headers=headers, REMOTE_ADDR=address
    )


def get(api: Client, path: str, token: str) -> HttpResponse:
    return api.get(f"/v1/auth/{path}", headers={"Authorization": f"Bearer {token}"})


def delete(api: Client, path: str, token: str) -> HttpResponse:
    return api.delete(f"/v1/auth/{path}", headers={"Authorization": f"Bearer {token}"})


def try_to_log_in(api: Client, person: Person, *, address: str = "127.0.0.1", **changes: Any) -> HttpResponse:
    body = {"email": person.email, "password": person.password} | changes
    return post(api, "login", body, address=address)


def log_in(api: Client, person: Person, **changes: Any) -> dict[str, Any]:
    """The tokens of a person who signs in with all that they have."""
    answer = try_to_log_in(api, person, **changes)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    if not found["mfa_required"]:
        return found
    verified = post(
        api, "mfa/verify", {"mfa_token": found["mfa_token"], "method": "totp", "code": person.code}
    )
    assert verified.status_code == 200, verified.content
    tokens: dict[str, Any] = verified.json()
    return tokens


def fresh(person: Person) -> User:
    with atomic(SEED):
        return User.objects.get(pk=person.user.pk)


def fill_sign_ins(tenant: Any) -> None:
    """A row in every table of signing in."""
    now, person = clock.now(), cashier_of(tenant)
    login.sign_in(email=person.email, password=PASSWORD, now=now)
    make_recovery_codes(user_id=person.user.pk, now=now)
    request_reset(email=person.email, now=now)
    set_up_authenticator(scope=SEED, user=person.user, name="phone", now=now)
    login.sign_in(email=person.email, password=PASSWORD, now=now)
    set_login_policy(scope=SEED, psp_id=tenant.psp.id, required_roles=frozenset(), email_codes=False, now=now)
