"""Whatever people do to get in, to stay in or to protect their account leaves an audit record, without what is secret.

The tables are held against the code together with those of `test_audit`.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail

from kernel import clock
from mpac.portal.db import atomic, db
from mpac.portal.domain.login import EndedBecause, Method
from mpac.portal.domain.roles import Role
from mpac.portal.models import User
from mpac.portal.services import (
    authenticators,
    login,
    login_policies,
    passwords,
    recovery_codes,
    second_factors,
    sessions,
)
from mpac.portal.services.people import set_up_authenticator
from mpac.portal.services.signing_keys import ensure_signing_key
from tests.delivery import deliver_all
from tests.portal.factories import SEED, audited
from tests.portal.people import PASSWORD, Person, cashier_of, delete, log_in, make_person, post, try_to_log_in

NEW = "a wholly new sentence"


@pytest.fixture
def person(tenant) -> Person:
    ensure_signing_key(now=clock.now())
    return cashier_of(tenant)


def signed_in(person: Person) -> sessions.SignedIn:
    done = login.sign_in(email=person.email, password=PASSWORD, now=clock.now())
    assert isinstance(done, sessions.SignedIn)
    return done


def challenged(person: Person) -> str:
    """The token of a sign-in that waits for a second factor."""
    if not person.secret:
        now = clock.now()
        person.secret = set_up_authenticator(
            scope=SEED, user=person.user, name="phone", now=now
        ).base32_secret
    done = login.sign_in(email=person.email, password=PASSWORD, now=clock.now())
    assert isinstance(done, login.FactorNeeded)
    return done.challenge_token


def enrolling(person: Person) -> str:
    admin = make_person(Role.PLATFORM_OPERATOR)
    person.user = admin.user
    done = login.sign_in(email=admin.email, password=PASSWORD, now=clock.now())
    assert isinstance(done, login.FactorNeeded)
    return done.challenge_token


def begun(person: Person) -> int:
    made = authenticators.begin_authenticator(user_id=person.user.pk, name="phone", now=clock.now())
    person.secret = made.base32_secret
    return made.authenticator.pk


def mailed_secret(person: Person, kind: str) -> str:
    """What a mail of today told this person."""
    deliver_all([db])
    found = [re.search(kind, letter.body) for letter in mail.outbox if letter.to == [person.email]]
    return next(match[0] for match in reversed(found) if match)


def reset_secret(person: Person) -> str:
    passwords.request_reset(email=person.email, now=clock.now())
    return mailed_secret(person, r"pr_\S+")


Call = tuple[str, dict[str, Any], bool]
# Each write operation over HTTP: the records that it leaves, and how it is called: path, body, with a token or without.
OPERATIONS: dict[str, tuple[list[str], Callable[[Person], Call]]] = {
    "auth.login": (
        ["user.signed_in"],
        lambda p: ("login", {"email": p.email, "password": PASSWORD}, False),
    ),
    "auth.mfa.verify": (
        ["user.signed_in"],
        lambda p: ("mfa/verify", {"mfa_token": challenged(p), "method": "totp", "code": p.code}, False),
    ),
    "auth.mfa.enrol": (
        ["authenticator.begun"],
        lambda p: ("mfa/enrol", {"mfa_token": enrolling(p)}, False),
    ),
    "auth.switch": (
        ["session.switched"],
        lambda p: ("switch", {"membership_id": signed_in(p).session.membership_id}, True),
    ),
    "auth.logout": (["session.ended"], lambda _p: ("logout", {}, True)),
    "auth.sessions.end": (
        ["session.ended"],
        lambda p: (f"sessions/{signed_in(p).session.public_id}", {}, True),
    ),
    "auth.authenticators.create": (["authenticator.begun"], lambda _p: ("authenticators", {}, True)),
    "auth.authenticators.confirm": (
        ["authenticator.confirmed", "recovery_codes.made"],
        lambda p: (f"authenticators/{begun(p)}/confirm", {"code": p.code}, True),
    ),
    "auth.authenticators.remove": (
        ["authenticator.removed"],
        lambda p: (f"authenticators/{begun(p)}", {}, True),
    ),
    "auth.recovery_codes.create": (["recovery_codes.made"], lambda _p: ("recovery-codes", {}, True)),
    "auth.password.change": (
        ["user.password_set"],
        lambda _p: ("password", {"current_password": PASSWORD, "new_password": NEW}, True),
    ),
    "auth.password.reset_confirm": (
        ["user.password_set", "session.ended"],
        lambda p: ("password/reset/confirm", {"reset_token": reset_secret(p), "new_password": NEW}, True),
    ),
}
# Calls that change nothing that lasts, and why.
CHANGE_NOTHING = {
    "auth.refresh": "a session goes on as it was",
    "auth.mfa.email": "a code lives for minutes; that it was used is recorded",
    "auth.password.reset": "a code lives for minutes; that it was used is recorded",
}
# Has a test of its own below.
POLICY = "login_policies.set"
SHOWN = re.compile(
    r'"(?:access_token|refresh_token|device_token|secret|otpauth_uri)":"([^"]+)"|"([a-z0-9]{5}-[a-z0-9]{5})"'
)


@pytest.mark.parametrize("name", OPERATIONS)
def test_is_left_by_every_write_operation(api, person, name):
    actions, prepare = OPERATIONS[name]
    token = log_in(api, person)["access_token"]
    path, body, with_token = prepare(person)
    before = len(audited())
    if name in {"auth.sessions.end", "auth.authenticators.remove"}:
        answer = delete(api, path, token)
    else:
        answer = post(api, path, body, token=token if with_token else "")
    assert answer.status_code in {200, 201}, answer.content
    found = audited()[before:]
    assert [record["action"] for record in found] == actions
    if name != "auth.mfa.enrol":
        assert {(record["actor_kind"], record["actor_id"]) for record in found} == {
            ("person", f"user:{person.user.pk}")
        }
    secrets = [one or other for one, other in SHOWN.findall(answer.content.decode())]
    assert_hidden([PASSWORD, NEW, token, *secrets])


def assert_hidden(secrets: list[str]) -> None:
    with atomic(SEED):
        outbox = str(db.execute("SELECT payload::text FROM outbox"))
        kept = [user.password for user in User.objects.all()]
    assert [secret for secret in [*secrets, *kept] if secret in outbox] == []


def test_tells_what_a_provider_asks_of_its_people(api, tenant):
    admin = make_person(Role.PSP_ADMIN, factor=True, psp_id=tenant.psp.id)
    token = log_in(api, admin)["access_token"]
    path, before = f"/v1/psps/{tenant.psp.id}/login-policy", len(audited())
    for roles in (["cashier"], ["cashier"], []):
        answer = api.put(
            path,
            json.dumps({"required_roles": roles, "email_codes": True}),
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 200
        assert answer.json()["required_roles"] == roles
    first, second = audited()[before:]
    assert (first["action"], second["action"]) == ("login_policy.changed", "login_policy.changed")
    assert (second["before"]["required_roles"], second["after"]["required_roles"]) == (["cashier"], [])


# --- below HTTP -------------------------------------------------------------------------------------------------------


def call_verify(person: Person) -> None:
    token = challenged(person)
    with pytest.raises(second_factors.CodeRefused):
        second_factors.verify_factor(
            challenge_token=token, method=Method.TOTP, code="000000", now=clock.now()
        )
    second_factors.verify_factor(challenge_token=token, method=Method.TOTP, code=person.code, now=clock.now())


def call_refused(person: Person) -> None:
    with pytest.raises(login.SignInRefused):
        login.sign_in(email=person.email, password="wrong horse battery", now=clock.now())


def call_confirm(person: Person) -> None:
    key = begun(person)
    authenticators.confirm_authenticator(
        user_id=person.user.pk, authenticator_id=key, code=person.code, now=clock.now()
    )


# Each service that writes: what it does, and the last records that this leaves.
SERVICES: dict[str, tuple[Callable[[Person], object], list[str]]] = {
    "login.sign_in": (signed_in, ["user.signed_in"]),
    "login.check_person": (call_refused, ["user.sign_in_refused"]),
    "login.refuse": (call_refused, ["user.sign_in_refused"]),
    "login.complete": (signed_in, ["user.signed_in"]),
    "second_factors.verify_factor": (call_verify, ["user.sign_in_refused", "user.signed_in"]),
    "sessions.open_session": (signed_in, ["user.signed_in"]),
    "sessions.switch_membership": (
        lambda p: sessions.switch_membership(
            user_id=p.user.pk,
            session_id=(done := signed_in(p)).session.id,
            membership_id=done.session.membership_id,
            now=clock.now(),
        ),
        ["session.switched"],
    ),
    "sessions.end_session": (
        lambda p: sessions.end_session(
            user_id=p.user.pk,
            session_id=signed_in(p).session.id,
            why=EndedBecause.REVOKED,
            now=clock.now(),
        ),
        ["session.ended"],
    ),
    "sessions.end_sessions": (
        lambda p: [
            (signed_in(p), signed_in(p)),
            sessions.end_sessions(
                scope=SEED, user_id=p.user.pk, why=EndedBecause.DEACTIVATED, now=clock.now()
            ),
        ],
        ["session.ended", "session.ended"],
    ),
    "authenticators.begin_authenticator": (begun, ["authenticator.begun"]),
    "authenticators.enrol": (
        lambda p: authenticators.enrol(challenge_token=enrolling(p), name="phone", now=clock.now()),
        ["authenticator.begun"],
    ),
    "authenticators.confirm_authenticator": (
        call_confirm,
        ["authenticator.begun", "authenticator.confirmed", "recovery_codes.made"],
    ),
    "authenticators.remove_authenticator": (
        lambda p: authenticators.remove_authenticator(
            user_id=p.user.pk, authenticator_id=begun(p), now=clock.now()
        ),
        ["authenticator.removed"],
    ),
    "recovery_codes.make_recovery_codes": (
        lambda p: recovery_codes.make_recovery_codes(user_id=p.user.pk, now=clock.now()),
        ["recovery_codes.made"],
    ),
    "recovery_codes.first_recovery_codes": (
        lambda p: recovery_codes.first_recovery_codes(user_id=p.user.pk, now=clock.now()),
        ["recovery_codes.made"],
    ),
    "passwords.change_password": (
        lambda p: passwords.change_password(
            user_id=p.user.pk,
            session_id=signed_in(p).session.id,
            current=PASSWORD,
            new=NEW,
            now=clock.now(),
        ),
        ["user.password_set"],
    ),
    "passwords.confirm_reset": (
        lambda p: passwords.confirm_reset(reset_token=reset_secret(p), new=NEW, now=clock.now()),
        ["user.password_set"],
    ),
    "login_policies.set_login_policy": (
        lambda p: login_policies.set_login_policy(
            scope=SEED,
            psp_id=p.user.memberships_held()[0].psp_id,
            required_roles=frozenset({Role.CASHIER}),
            email_codes=False,
            now=clock.now(),
        ),
        ["login_policy.changed"],
    ),
}
# Services that leave no record, and why.
SILENT = {
    "authentication_log.account_digest": "reads",
    "authentication_log.log_try": "is a record itself",
    "authentication_log.user_agent": "reads",
    "known_devices.find_device": "reads",
    "known_devices.notice_device": "a part of signing in, which is recorded",
    "known_devices.remember_device": "a part of signing in or of a reset, which are recorded",
    "login.ask_for_factor": "what comes of the sign-in is recorded, that it waits is in the log",
    "login.count_try": "a try that is let through is recorded by what comes of it, one that is not by the log",
    "mails.post_mail": "tells somebody of a change, which is recorded",
    "mails.send_mail": "notes that a mail was sent",
    "passwords.check_new_password": "reads",
    "passwords.request_reset": "a code lives for minutes; that it was used is recorded",
    "person_tokens.issue_person_token": "writes nothing",
    "recovery_codes.use_recovery_code": "a part of signing in, which is recorded with its method",
    "revocations.session_subject": "reads",
    "second_factors.find_challenge": "reads",
    "second_factors.send_code": "a code lives for minutes; that it was used is recorded",
    "sessions.refresh_session": "a session goes on as it was; one that ends leaves its record",
    "sessions.require_recent": "reads",
    "throttling.address_counter": "reads",
    "throttling.count_tries": "counts; what is let through is recorded by what comes of it",
    "throttling.counters": "reads",
    "throttling.give_back": "a part of signing in, which is recorded",
}


@pytest.mark.parametrize("name", SERVICES)
def test_is_left_by_every_service(person, name):
    call, actions = SERVICES[name]
    call(person)
    assert [record["action"] for record in audited()][-len(actions) :] == actions
    assert_hidden([PASSWORD, NEW])


def test_is_left_by_a_session_whose_refresh_token_came_twice(api, person):
    tokens = log_in(api, person)
    for _ in range(2):
        post(api, "refresh", {"refresh_token": tokens["refresh_token"]})
    last = audited()[-1]
    assert (last["action"], last["after"]["because"]) == ("session.ended", "refresh_reused")


def test_of_a_refusal_says_the_same_for_people_and_for_nobody(api, person):
    for email in (person.email, "nobody@example.com"):
        assert try_to_log_in(api, person, email=email, password="wrong horse battery").status_code == 401
    one, other = audited()[-2:]
    known, nobody = ({**record, "object_id": "", "occurred_at": ""} for record in (one, other))
    known["aggregate_id"] = nobody["aggregate_id"] = known["request_id"] = nobody["request_id"] = ""
    assert known == nobody
