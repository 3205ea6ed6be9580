"""Of two who come at once ...

`MPAC_TEST_ROUNDS=1000` is the promise; the suite makes a few.
"""

import os
import re

import pytest
from django.core import mail

from kernel import clock
from mpac.portal.db import atomic, db
from mpac.portal.domain.login import EndedBecause, Method
from mpac.portal.domain.roles import Role
from mpac.portal.errors import CodeRefused, RefreshRefused, ResetRefused, SignInRefused
from mpac.portal.models import RecoveryCode, Session
from mpac.portal.services import login, passwords, recovery_codes, second_factors, sessions
from mpac.portal.services.verification import InvalidToken, authenticate_token
from tests.delivery import deliver_all
from tests.portal.factories import SEED, seconds
from tests.portal.people import PASSWORD, cashier_of, make_person
from tests.portal.services.test_races import at_once

ROUNDS = int(os.environ.get("MPAC_TEST_ROUNDS", "3"))


@pytest.fixture
def person(tenant):
    return cashier_of(tenant)


def challenge(person):
    return login.sign_in(email=person.email, password=PASSWORD, now=clock.now()).challenge_token


def verify(token, method, code):
    return lambda: second_factors.verify_factor(
        challenge_token=token, method=method, code=code, now=clock.now()
    )


def mailed(pattern):
    deliver_all([db])
    return re.search(pattern, mail.outbox[-1].body)[0]


def one_of(results, refusal):
    """That one call succeeded and every other one was refused."""
    kinds = sorted(type(result).__name__ for result in results)
    assert kinds == sorted(["SignedIn"] + [refusal.__name__] * (len(results) - 1))


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_with_one_code_of_an_authenticator_one_signs_in(tenant, _round):
    person = cashier_of(tenant, factor=True)
    one, two, code = challenge(person), challenge(person), person.code
    calls = [verify(token, Method.TOTP, code) for token in (one, two, one, two)]
    one_of(at_once(*calls), CodeRefused)


def test_with_one_code_from_a_mail_one_signs_in(tenant):
    admin = make_person(Role.MERCHANT_ADMIN, psp_id=tenant.psp.id, merchant_id=tenant.merchant.id)
    token = challenge(admin)
    second_factors.send_code(challenge_token=token, now=clock.now())
    code = mailed(r"\b\d{6}\b")
    one_of(at_once(*[verify(token, Method.EMAIL, code)] * 4), CodeRefused)


def test_with_one_recovery_code_one_signs_in(tenant):
    person = cashier_of(tenant, factor=True)
    code = recovery_codes.make_recovery_codes(user_id=person.user.pk, now=clock.now())[0]
    calls = [verify(token, Method.RECOVERY, code.upper()) for token in (challenge(person), challenge(person))]
    one_of(at_once(*calls, *calls), CodeRefused)
    with atomic(SEED):
        assert RecoveryCode.objects.filter(used_at__isnull=False).count() == 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_with_one_refresh_token_one_gets_tokens_and_neither_keeps_the_session(person, _round):
    first = login.sign_in(email=person.email, password=PASSWORD, now=clock.now())
    results = at_once(
        *[lambda: sessions.refresh_session(refresh_token=first.refresh_token, now=clock.now())] * 2
    )
    one_of(results, RefreshRefused)
    won = next(result for result in results if isinstance(result, sessions.SignedIn))
    with pytest.raises(RefreshRefused):
        sessions.refresh_session(refresh_token=won.refresh_token, now=clock.now())
    later = clock.now() + seconds(5)
    for token in (first.access_token, won.access_token):
        with pytest.raises(InvalidToken):
            authenticate_token(token, now=later)
    with atomic(SEED):
        assert Session.objects.get().ended_because == EndedBecause.REFRESH_REUSED


def test_with_one_code_for_a_new_password_one_chooses_it(person):
    passwords.request_reset(email=person.email, now=clock.now())
    code = mailed(r"pr_\S+")
    new = [f"a wholly new sentence {number}" for number in range(2)]
    results = at_once(
        *[
            lambda each=each: passwords.confirm_reset(reset_token=code, new=each, now=clock.now())
            for each in new
        ]
    )
    refused = [isinstance(result, ResetRefused) for result in results]
    assert sorted(refused) == [False, True]
    for password, lost in zip(new, refused, strict=True):
        if lost:
            with pytest.raises(SignInRefused):
                login.sign_in(email=person.email, password=password, now=clock.now())
        else:
            assert login.sign_in(email=person.email, password=password, now=clock.now())


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_who_signs_in_while_the_password_changes_does_not_stay(person, _round):
    """Whoever comes first, no session that was opened by the former password outlives it."""
    own = login.sign_in(email=person.email, password=PASSWORD, now=clock.now())

    def change():
        passwords.change_password(
            user_id=person.user.pk,
            session_id=own.session.id,
            current=PASSWORD,
            new="a wholly new sentence",
            now=clock.now(),
        )

    at_once(change, *[lambda: login.sign_in(email=person.email, password=PASSWORD, now=clock.now())] * 3)
    with atomic(SEED):
        left = list(Session.objects.filter(ended_at__isnull=True).values_list("id", flat=True))
    assert left == [own.session.id]


def test_whose_session_ends_is_refused_within_five_seconds(person):
    """Another process ends the session; this one learns of it from the database alone."""
    done = login.sign_in(email=person.email, password=PASSWORD, now=clock.now())
    other = login.sign_in(email=person.email, password=PASSWORD, now=clock.now())
    now = clock.now()
    assert authenticate_token(done.access_token, now=now).session_id == done.session.id
    sessions.end_session(
        user_id=person.user.pk, session_id=done.session.id, why=EndedBecause.REVOKED, now=now
    )
    with pytest.raises(InvalidToken):
        authenticate_token(done.access_token, now=now + seconds(5))
    assert authenticate_token(other.access_token, now=now + seconds(5))
