"""A password that was changed ..."""

import pytest

from kernel import clock
from mpac.portal.domain.login import Method
from mpac.portal.domain.roles import Role
from mpac.portal.errors import CodeRefused, RefreshRefused, SignInRefused, WrongPassword
from mpac.portal.services import login, passwords
from mpac.portal.services.login import FactorNeeded, sign_in
from mpac.portal.services.passwords import change_password
from mpac.portal.services.people import set_password
from mpac.portal.services.second_factors import verify_factor
from mpac.portal.services.sessions import refresh_session
from tests.portal.factories import SEED
from tests.portal.people import PASSWORD, cashier_of, fresh, make_person

ANOTHER = "another horse battery"
THIRD = "a third horse battery"


def change(person, password):
    """Somebody who may gives the person another password."""
    set_password(scope=SEED, user=fresh(person), password=password, now=clock.now())


def between(monkeypatch, module, name, step):
    """Let `step` happen just before a function of a module is called."""
    function = getattr(module, name)

    def first(*args, **kwargs):
        monkeypatch.setattr(module, name, function)
        step()
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, first)


def test_lets_nobody_go_on_with_a_sign_in_that_the_former_one_began(tenant):
    person, now = make_person(Role.PLATFORM_OPERATOR, factor=True), clock.now()
    begun = sign_in(email=person.email, password=PASSWORD, now=now)
    assert isinstance(begun, FactorNeeded)
    change(person, ANOTHER)
    with pytest.raises(CodeRefused):
        verify_factor(
            challenge_token=begun.challenge_token, method=Method.TOTP, code=person.code, now=clock.now()
        )
    person.password = ANOTHER
    assert isinstance(sign_in(email=person.email, password=ANOTHER, now=clock.now()), FactorNeeded)


def test_begins_no_sign_in_by_the_former_one_that_was_just_being_checked(tenant, monkeypatch):
    person = make_person(Role.PLATFORM_OPERATOR, factor=True)
    between(monkeypatch, login, "ask_for_factor", lambda: change(person, ANOTHER))
    with pytest.raises(SignInRefused):
        sign_in(email=person.email, password=PASSWORD, now=clock.now())


def test_is_not_written_over_by_who_knew_the_former_one(tenant, monkeypatch):
    person, now = cashier_of(tenant), clock.now()
    session = sign_in(email=person.email, password=PASSWORD, now=now).session
    between(monkeypatch, passwords, "check_new_password", lambda: change(person, ANOTHER))
    with pytest.raises(WrongPassword):
        change_password(
            user_id=person.user.pk, session_id=session.id, current=PASSWORD, new=THIRD, now=clock.now()
        )
    assert fresh(person).check_password(ANOTHER)


def test_by_an_operator_ends_what_the_former_one_opened(tenant):
    person, now = cashier_of(tenant), clock.now()
    tokens = sign_in(email=person.email, password=PASSWORD, now=now)
    change(person, ANOTHER)
    with pytest.raises(RefreshRefused):
        refresh_session(refresh_token=tokens.refresh_token, now=clock.now())
