"""Somebody who guesses...

`MPAC_TEST_ROUNDS=1000` is the promise; the suite makes some of them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connections

from kernel import clock
from kernel.errors import DomainError, RateLimited
from kernel.origin import Origin, from_origin
from mpac.portal.db import atomic, db
from mpac.portal.domain.login import Method
from mpac.portal.errors import CodeRefused, SignInRefused
from mpac.portal.models import AuthenticationLog, LoginChallenge, User
from mpac.portal.services import login, passwords, second_factors
from mpac.portal.services.sessions import SignedIn
from tests.portal.factories import SEED, seconds
from tests.portal.people import PASSWORD, cashier_of

ROUNDS = int(os.environ.get("MPAC_TEST_ROUNDS", "60"))
FREE = 10
WRONG = "wrong horse battery"


@pytest.fixture
def person(tenant):
    return cashier_of(tenant)


@pytest.fixture(autouse=True)
def usual_limits(settings):
    settings.MPAC_RATE_LIMITS = settings.MPAC_RATE_LIMITS | {
        "sign_in_account": FREE,
        "sign_in_device": FREE,
        "sign_in_address": 10 * FREE,
    }


def sign_in(email, password=WRONG, *, address="192.0.2.1", now=None, device_token=""):
    with from_origin(Origin(kind="anonymous", id="", address=address)):
        return login.sign_in(
            email=email, password=password, device_token=device_token, now=now or clock.now()
        )


@contextmanager
def work(monkeypatch) -> Iterator[list[str]]:
    """What is asked of the database, and every password that is checked."""
    found: list[str] = []

    def note(execute, sql, params, many, context):
        found.append(sql)
        return execute(sql, params, many, context)

    def check(hasher, password, encoded):
        found.append("a password is checked")
        return genuine(hasher, password, encoded)

    genuine = MD5PasswordHasher.verify
    monkeypatch.setattr(MD5PasswordHasher, "verify", check)
    with connections[db.alias].execute_wrapper(note):
        yield found
    monkeypatch.setattr(MD5PasswordHasher, "verify", genuine)


def outcome(call):
    try:
        call()
    except DomainError as refusal:
        return type(refusal), refusal.message
    return None


def test_costs_the_same_work_whether_the_account_exists_or_not(person, tenant, monkeypatch):
    login.nobodys_password()
    inactive = cashier_of(tenant)
    with atomic(SEED):
        User.objects.filter(pk=inactive.user.pk).update(is_active=False)
    seen = []
    for email, password in (
        ("nobody@example.com", WRONG),
        (person.email, WRONG),
        (inactive.email, WRONG),
        (inactive.email, PASSWORD),
    ):
        with work(monkeypatch) as done:
            told = outcome(lambda email=email, password=password: sign_in(email, password))
        seen.append((told, done))
    assert seen[0][0][0] is SignInRefused
    assert seen[0][1].count("a password is checked") == 1
    assert seen == [seen[0]] * 4


def test_costs_the_same_work_to_ask_for_a_new_password_and_learns_nothing(person, monkeypatch):
    seen = []
    for email in ("nobody@example.com", person.email):
        with work(monkeypatch) as done:
            passwords.request_reset(email=email, now=clock.now())
        seen.append(done)
    assert seen[0] == seen[1]


def test_is_locked_out_and_the_owner_is_not(person):
    """The guesses come from everywhere, so that no address is locked; the owner has signed in with this device before."""
    now = clock.now()
    own = sign_in(person.email, PASSWORD, now=now)
    assert isinstance(own, SignedIn)
    told = [
        outcome(
            lambda number=number: sign_in(
                person.email, f"guess {number}", address=f"198.51.100.{number}", now=now
            )
        )
        for number in range(ROUNDS)
    ]
    assert [each[0] for each in told] == [SignInRefused] * FREE + [RateLimited] * (ROUNDS - FREE)
    with pytest.raises(RateLimited):
        sign_in(person.email, PASSWORD, now=now)
    assert sign_in(person.email, PASSWORD, device_token=own.device_token, now=now)
    with atomic(SEED):
        outcomes = list(AuthenticationLog.objects.order_by("id").values_list("outcome", flat=True))
    assert outcomes == [
        "succeeded",
        *["refused"] * FREE,
        *["throttled"] * (ROUNDS - FREE + 1),
        "succeeded",
    ]


def test_is_locked_for_longer_each_time_and_let_in_again(person):
    now = clock.now()
    for _ in range(FREE):
        outcome(lambda: sign_in(person.email, now=now))
    waits = []
    for _ in range(4):
        with pytest.raises(RateLimited) as refused:
            sign_in(person.email, now=now)
        waits.append(refused.value.retry_after_s)
        now += seconds(waits[-1])
        outcome(lambda now=now: sign_in(person.email, now=now))
    assert waits == [30, 60, 120, 240]
    now += seconds(480)
    assert sign_in(person.email, PASSWORD, now=now)
    assert outcome(lambda: sign_in(person.email, now=now))[0] is SignInRefused


def test_is_locked_out_of_accounts_that_nobody_has_just_the_same(tenant):
    told = [outcome(lambda: sign_in("nobody@example.com"))[0] for _ in range(FREE + 1)]
    assert told == [SignInRefused] * FREE + [RateLimited]


def test_at_many_accounts_is_locked_out_by_address(tenant):
    now = clock.now()
    told = [outcome(lambda n=n: sign_in(f"n{n}@example.com", now=now))[0] for n in range(10 * FREE + 1)]
    assert told[-2:] == [SignInRefused, RateLimited]
    assert outcome(lambda: sign_in("n0@example.com", address="192.0.2.2", now=now))[0] is SignInRefused


def test_with_the_token_of_another_persons_device_is_a_stranger(person, tenant):
    other = sign_in(cashier_of(tenant).email, PASSWORD)
    for _ in range(FREE):
        outcome(lambda: sign_in(person.email))
    with pytest.raises(RateLimited):
        sign_in(person.email, PASSWORD, device_token=other.device_token)


def test_has_five_codes_a_sign_in_and_not_many_sign_ins(tenant):
    person, now = cashier_of(tenant, factor=True), clock.now()
    for _ in range(4):
        try:
            found = sign_in(person.email, PASSWORD, now=now)
        except RateLimited:
            break
        code = {"challenge_token": found.challenge_token, "method": Method.TOTP, "code": "000000"}
        told = [outcome(lambda code=code: second_factors.verify_factor(**code, now=now)) for _ in range(6)]
        assert told[5][0] in {CodeRefused, RateLimited}
    with atomic(SEED):
        assert list(LoginChallenge.objects.order_by("id").values_list("tries", flat=True)) == [5, FREE - 7]
        assert AuthenticationLog.objects.filter(reason="wrong_code").count() == FREE - 2
    with pytest.raises(RateLimited):
        sign_in(person.email, PASSWORD, now=now)


def test_of_an_address_gets_five_mails_an_hour(person):
    now = clock.now()
    for _ in range(8):
        passwords.request_reset(email=person.email, now=now)
    with atomic(SEED):
        assert db.execute("SELECT count(*) FROM mails") == [(5,)]
