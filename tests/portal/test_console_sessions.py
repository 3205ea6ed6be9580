"""A session of the console..."""

import pytest

from kernel import clock
from mpac.portal.db import atomic
from mpac.portal.domain.login import EndedBecause
from mpac.portal.domain.roles import Role
from mpac.portal.models import AuthenticationLog, Authenticator, Session
from mpac.portal.services.sessions import end_session, end_sessions
from tests.portal.factories import SEED, seconds
from tests.portal.test_admin import PASSWORD, make_person, sign_in

NEW = "a wholly new sentence"


@pytest.fixture
def admin(tenant):
    return make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id)


def sessions():
    with atomic(SEED):
        return list(Session.objects.order_by("id"))


def forget_codes():
    """Let the authenticator's present code count again."""
    with atomic(SEED):
        Authenticator.objects.update(last_step=-1)


def is_let_in(client):
    return client.get("/admin/").status_code == 200


def test_is_one_of_its_persons_sessions_and_ends_where_they_end_it(admin):
    client, _ = sign_in(*admin)
    assert is_let_in(client)
    (session,) = sessions()
    assert (session.entrance, session.method, session.address) == ("console", "totp", "127.0.0.1")
    end_session(user_id=session.user_id, session_id=session.id, why=EndedBecause.REVOKED, now=clock.now())
    assert not is_let_in(client)
    assert not is_let_in(client)


def test_ends_with_its_persons_account_and_after_twelve_hours(admin):
    client, _ = sign_in(*admin)
    (session,) = sessions()
    with atomic(SEED):
        Session.objects.update(expires_at=clock.now() - seconds(1))
    assert not is_let_in(client)
    forget_codes()
    client, _ = sign_in(*admin)
    end_sessions(scope=SEED, user_id=session.user_id, why=EndedBecause.DEACTIVATED, now=clock.now())
    assert not is_let_in(client)


def test_ends_when_its_person_signs_out(admin):
    client, _ = sign_in(*admin)
    assert client.post("/admin/logout/").status_code == 200
    assert [session.ended_because for session in sessions()] == ["logged_out"]
    assert not is_let_in(client)


def test_is_idle_for_fifteen_minutes_at_most(admin, settings):
    client, _ = sign_in(*admin)
    assert settings.SESSION_COOKIE_AGE == 15 * 60
    assert client.session.get_expiry_age() == 15 * 60
    assert client.cookies["sessionid"]["max-age"] == 15 * 60


def test_outlives_a_new_password_alone(admin):
    other, _ = sign_in(*admin)
    forget_codes()
    client, _ = sign_in(*admin)
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert client.post("/admin/password_change/", form).status_code == 302
    assert is_let_in(client)
    assert not is_let_in(other)
    assert [session.ended_because for session in sessions()] == ["password_changed", ""]
    form = {"old_password": NEW, "new_password1": PASSWORD, "new_password2": PASSWORD}
    refused = client.post("/admin/password_change/", form)
    assert "one of your last 4" in refused.content.decode()


def test_is_opened_by_who_was_here_before_while_others_guess(admin, settings):
    email, secret = admin
    client, _ = sign_in(email, secret)
    assert client.cookies["mpac_device"]["httponly"]
    settings.MPAC_RATE_LIMITS = settings.MPAC_RATE_LIMITS | {"sign_in_account": 3}
    for _ in range(5):
        sign_in(email, secret, password="wrong horse battery")
    forget_codes()
    stranger, _ = sign_in(email, secret)
    assert not is_let_in(stranger)
    client.post("/admin/logout/")
    _, answer = sign_in(email, secret, client=client)
    assert answer.status_code == 302
    assert is_let_in(client)
    with atomic(SEED):
        log = list(AuthenticationLog.objects.order_by("id").values_list("outcome", "known_device"))
    assert log == [
        ("factor_needed", False),
        ("succeeded", False),
        *[("refused", False)] * 3,
        *[("throttled", False)] * 3,
        ("factor_needed", True),
        ("succeeded", True),
    ]
