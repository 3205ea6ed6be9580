"""Whoever holds a part of somebody's sign-in: an old password, a token, an open step, their mailbox."""

import datetime as dt

import pyotp
import pytest

from kernel import clock, crypto
from kernel.errors import RateLimited
from mpac.portal import conf
from mpac.portal.db import atomic
from mpac.portal.domain.login import Method
from mpac.portal.domain.roles import Role
from mpac.portal.errors import CodeRefused, WrongPassword
from mpac.portal.models import LoginChallenge, Mail
from mpac.portal.services import login, passwords, second_factors
from mpac.portal.services.people import admit_operator, grant_role
from mpac.portal.services.sessions import open_session
from mpac.portal.services.verification import authenticate_token
from tests.portal.factories import SEED
from tests.portal.people import (
    PASSWORD,
    cashier_of,
    fresh,
    get,
    log_in,
    make_person,
    post,
    try_to_log_in,
)

NEW = "quite another horse battery"


def enrol(api, mfa_token):
    return post(api, "mfa/enrol", {"mfa_token": mfa_token})


def verify(api, mfa_token, secret):
    body = {"mfa_token": mfa_token, "method": "totp", "code": pyotp.TOTP(secret).now()}
    return post(api, "mfa/verify", body)


def test_adds_no_second_factor_beside_one_that_was_set_up_meanwhile(api, tenant):
    person = make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id)
    thief, owner = (try_to_log_in(api, person).json()["mfa_token"] for _ in range(2))
    begun = enrol(api, owner).json()["secret"]
    assert verify(api, owner, begun).status_code == 200
    assert enrol(api, thief).status_code == 401


def test_finishes_no_sign_in_that_began_with_a_password_of_before(api, tenant):
    person = cashier_of(tenant, factor=True)
    begun = try_to_log_in(api, person).json()["mfa_token"]
    session = open_session(user=fresh(person), method=Method.TOTP, known_device=None, now=clock.now()).session
    passwords.change_password(
        user_id=person.user.pk, session_id=session.id, current=PASSWORD, new=NEW, now=clock.now()
    )
    with pytest.raises(CodeRefused):
        second_factors.verify_factor(
            challenge_token=begun, method=Method.TOTP, code=person.code, now=clock.now()
        )


def test_does_not_undo_a_new_password_with_the_old_one(tenant, monkeypatch):
    """The old one was right when it was looked at, and its owner chose another one before it was replaced."""
    person, now = cashier_of(tenant), clock.now()
    session = open_session(user=fresh(person), method=None, known_device=None, now=now).session
    check = passwords.check_new_password

    def meanwhile(password, *, user):
        check(password, user=user)
        with atomic(SEED):
            chosen = fresh(person)
            chosen.set_password(NEW)
            chosen.save(update_fields=["password"])

    monkeypatch.setattr(passwords, "check_new_password", meanwhile)
    with pytest.raises(WrongPassword):
        passwords.change_password(
            user_id=person.user.pk,
            session_id=session.id,
            current=PASSWORD,
            new="a thief's own words",
            now=now,
        )
    assert fresh(person).check_password(NEW)


def test_is_out_when_an_operators_password_and_second_factor_are_replaced(api, tenant):
    person = make_person(Role.PLATFORM_OPERATOR, factor=True)
    tokens = log_in(api, person)
    begun = try_to_log_in(api, person).json()["mfa_token"]
    made = admit_operator(email=person.email, password=NEW, full_name="", reset=True, now=clock.now())
    assert post(api, "refresh", {"refresh_token": tokens["refresh_token"]}).status_code == 401
    assert verify(api, begun, made.base32_secret).status_code == 401


def test_does_not_live_on_an_access_token_alone(api, tenant, monkeypatch):
    person = cashier_of(tenant)
    tokens = log_in(api, person)
    now, membership = clock.now(), tokens["memberships"][0]["membership_id"]
    later = now + dt.timedelta(seconds=conf.PERSON_TOKEN_TTL_S - 60)
    monkeypatch.setattr(clock, "now", lambda: later)
    switched = post(api, "switch", {"membership_id": membership}, token=tokens["access_token"])
    assert switched.status_code == 200
    assert switched.json()["expires_in"] <= 60
    later += dt.timedelta(seconds=61)
    assert get(api, "sessions", switched.json()["access_token"]).status_code == 401
    again = post(api, "refresh", {"refresh_token": tokens["refresh_token"]})
    assert again.json()["expires_in"] == conf.PERSON_TOKEN_TTL_S


@pytest.mark.parametrize("way", ["switch", "refresh"])
def test_gets_no_role_that_needs_a_second_factor_by_a_session_without_one(api, tenant, way):
    person = cashier_of(tenant)
    tokens = log_in(api, person)
    where = {"psp_id": tenant.psp.id}
    granted = grant_role(scope=SEED, user=person.user, role=Role.PSP_ADMIN, now=clock.now(), **where)
    if way == "switch":
        answer = post(api, "switch", {"membership_id": granted.pk}, token=tokens["access_token"])
        assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_not_shown")
    else:
        answer = post(api, "refresh", {"refresh_token": tokens["refresh_token"]})
        assert answer.status_code == 401


def test_goes_on_by_a_session_whose_second_factor_is_enough(api, tenant):
    person = cashier_of(tenant, factor=True)
    tokens = log_in(api, person)
    where = {"psp_id": tenant.psp.id}
    granted = grant_role(scope=SEED, user=person.user, role=Role.PSP_ADMIN, now=clock.now(), **where)
    answer = post(api, "switch", {"membership_id": granted.pk}, token=tokens["access_token"])
    assert authenticate_token(answer.json()["access_token"], now=clock.now()).merchant_id is None
    assert post(api, "refresh", {"refresh_token": tokens["refresh_token"]}).status_code == 200


def test_guesses_no_more_codes_by_resetting_the_password_again_and_again(tenant, settings):
    """Who reads the mailbox makes a known device of theirs each time; all of them together have one count of tries."""
    settings.MPAC_RATE_LIMITS = settings.MPAC_RATE_LIMITS | {"sign_in_device": 3}
    person, now = cashier_of(tenant, factor=True), clock.now()
    tried = 0
    for number in range(3):
        now += dt.timedelta(milliseconds=1)
        passwords.request_reset(email=person.email, now=now)
        device_token = passwords.confirm_reset(
            reset_token=last_secret(person), new=f"{NEW} {number}", now=now
        )
        try:
            while tried < 9:
                login.sign_in(
                    email=person.email, password=f"{NEW} {number}", device_token=device_token, now=now
                )
                tried += 1
        except RateLimited:
            continue
    assert tried == 3


def test_gets_back_no_tries_that_never_counted(api, tenant, settings):
    """What succeeds gives the shared address its tries back: those refused because of a lock were none."""
    settings.MPAC_RATE_LIMITS = settings.MPAC_RATE_LIMITS | {"sign_in_account": 2}
    begun = try_to_log_in(api, cashier_of(tenant, factor=True)).json()["mfa_token"]
    body = {"mfa_token": begun, "method": "totp", "code": "000000"}
    assert [post(api, "mfa/verify", body).status_code for _ in range(4)] == [401, 429, 429, 429]
    with atomic(SEED):
        assert LoginChallenge.objects.get().tries == 1


def last_secret(person):
    with atomic(SEED):
        mail = Mail.objects.filter(user=person.user, kind="password_reset").latest("created_at")
    return crypto.open_sealed(mail.secret_sealed, aad=mail.sealed_for()).decode()
