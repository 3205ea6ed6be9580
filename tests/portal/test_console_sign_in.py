"""Signing in to the console, by other factors than the authenticator's code beside the password..."""

import re

import pyotp
import pytest
from django.core import mail
from django.test import Client

from kernel import clock
from mpac.portal.db import atomic
from mpac.portal.domain.roles import Role
from mpac.portal.models import AuthenticationLog, Session, User
from mpac.portal.services import login
from mpac.portal.services.people import create_user, grant_role, set_password
from mpac.portal.services.recovery_codes import make_recovery_codes
from tests.portal.factories import SEED
from tests.portal.members import later
from tests.portal.people import cashier_of
from tests.portal.test_account_pages import send_mails, words
from tests.portal.test_admin import PASSWORD, make_person, sign_in

SECOND = "/admin/login/code/"


def is_inside(client) -> bool:
    return client.get("/admin/").status_code == 200


def waiting(email):
    """A browser in which a password was right."""
    client, answer = sign_in(email)
    assert answer.headers["Location"] == f"{SECOND}?next=%2Fadmin%2F"
    cookie = client.cookies["mpac_waiting"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/admin/login/")
    assert not is_inside(client)
    return client


def show(client, way, code, **more):
    return client.post(SECOND, {"way": way, "code": code} | more)


def mailed() -> str:
    send_mails()
    return re.search(r"\b\d{6}\b", mail.outbox[-1].body)[0]


@pytest.fixture
def admin(tenant):
    return make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id)


@pytest.fixture
def merchant(tenant):
    return make_person(Role.MERCHANT_ADMIN, psp_id=tenant.psp.id, merchant_id=tenant.merchant.id)


def user_of(person) -> User:
    with atomic(SEED):
        return User.objects.get(email=person[0])


def test_asks_for_the_code_on_a_page_of_its_own(admin):
    email, secret = admin
    client = waiting(email)
    assert "that your authenticator shows" in words(client.get(SECOND))
    assert "This code does not count" in words(show(client, "totp", "000000"))
    code = pyotp.TOTP(secret).now()
    answer = show(client, "totp", f"{code[:3]} {code[3:]}", next="/admin/portal/psp/")
    assert answer.headers["Location"] == "/admin/portal/psp/"
    assert client.cookies["mpac_waiting"].value == ""
    assert is_inside(client)
    with atomic(SEED):
        assert list(AuthenticationLog.objects.order_by("id").values_list("entrance", "step", "outcome")) == [
            ("console", "password", "factor_needed"),
            ("console", "totp", "refused"),
            ("console", "totp", "succeeded"),
        ]


def test_takes_a_recovery_code_once_on_either_page(admin):
    email, _ = admin
    codes = make_recovery_codes(user_id=user_of(admin).pk, now=clock.now())
    for code in codes[:2]:
        client = waiting(email)
        show(client, "recovery", f" {code.upper()} ")
        assert is_inside(client)
    form = {"username": email, "password": PASSWORD, "otp_token": codes[2], "next": "/admin/"}
    first, again = Client(), Client()
    assert first.post("/admin/login/", form).status_code == 302
    assert again.post("/admin/login/", form).status_code == 200
    assert (is_inside(first), is_inside(again)) == (True, False)
    with atomic(SEED):
        assert set(Session.objects.values_list("method", flat=True)) == {"recovery"}


def test_mails_a_code_to_whom_their_role_lets_come_in_by_one(merchant):
    client = waiting(merchant[0])
    assert "Mail me a code" in words(client.get(SECOND))
    assert "on its way to your mailbox" in words(client.post(SECOND, {"send": "yes"}))
    code = mailed()
    show(client, "email", code)
    assert is_inside(client)
    with atomic(SEED):
        assert Session.objects.get().method == "email"
    other = waiting(merchant[0])
    show(other, "email", code)
    assert not is_inside(other)


def test_mails_none_to_who_could_take_over_a_provider(admin):
    client = waiting(admin[0])
    assert "Mail me a code" not in words(client.get(SECOND))
    assert "does not count" in words(client.post(SECOND, {"send": "yes"}))
    send_mails()
    assert mail.outbox == []
    assert "is not one of the available choices" in words(show(client, "email", "123456"))
    assert not is_inside(client)


def test_lets_who_has_no_authenticator_set_one_up(tenant):
    now = clock.now()
    user = create_user(scope=SEED, email="new@example.com", password=PASSWORD, full_name="New", now=now)
    grant_role(scope=SEED, user=user, role=Role.PSP_ADMIN, psp_id=tenant.psp.id, now=now)
    client = waiting(user.email)
    assert "You need an authenticator" in words(client.get(SECOND))
    assert "data:image/svg+xml" not in words(client.get(SECOND))
    shown = words(client.post(SECOND, {"begin": "yes"}))
    assert "data:image/svg+xml" in shown
    secret = re.search(r'shown-once">(\w+)<', shown)[1]
    wrong = words(show(client, "totp", "000000"))
    assert "does not count" in wrong
    assert secret not in wrong
    done = words(show(client, "totp", pyotp.TOTP(secret).now()))
    codes = re.findall(r"<code>(\w{5}-\w{5})</code>", done)
    assert len(codes) == 10
    assert is_inside(client)
    show(other := waiting(user.email), "recovery", codes[0])
    assert is_inside(other)


def test_is_over_after_five_minutes_five_codes_or_a_new_password(admin):
    email, secret = admin
    client = waiting(email)
    with later(5 * 60 + 1):
        assert "Sign in again" in words(show(client, "totp", pyotp.TOTP(secret).now()))
    client = waiting(email)
    for _ in range(5):
        show(client, "totp", "000000")
    assert "Sign in again" in words(show(client, "totp", pyotp.TOTP(secret).now()))
    client = waiting(email)
    set_password(scope=SEED, user=user_of(admin), password="a wholly new sentence", now=clock.now())
    show(client, "totp", pyotp.TOTP(secret).now())
    assert not is_inside(client)


@pytest.mark.parametrize("token", ["", "mfa_nonsense", "x" * 3000])
def test_goes_on_from_no_password_that_nobody_showed(database, token):
    client = Client()
    client.cookies["mpac_waiting"] = token
    assert "Sign in again" in words(show(client, "totp", "123456"))
    for asked in ({"send": "yes"}, {"begin": "yes"}):
        assert "Sign in again" in words(client.post(SECOND, asked))


def test_lets_nobody_in_by_the_api_who_has_no_place_here(tenant):
    person = cashier_of(tenant, factor=True)
    asked = login.sign_in(email=person.email, password=PASSWORD, now=clock.now())
    client = Client()
    client.cookies["mpac_waiting"] = asked.challenge_token
    show(client, "totp", person.code)
    with atomic(SEED):
        assert not Session.objects.exists()


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_leads_nowhere_else(admin, elsewhere):
    email, secret = admin
    form = {"username": email, "password": PASSWORD, "next": elsewhere}
    first = Client().post("/admin/login/", form)
    assert first.headers["Location"] == f"{SECOND}?next=%2Fadmin%2F"
    whole = Client().post("/admin/login/", form | {"otp_token": pyotp.TOTP(secret).now()})
    assert whole.headers["Location"] == "/admin/"
