"""Signing in..."""

import re

import pytest
from django.core import mail

from kernel import clock
from mpac.portal.db import atomic
from mpac.portal.db import db as portal_db
from mpac.portal.domain.permissions import ROLE_PERMISSIONS
from mpac.portal.domain.roles import Role
from mpac.portal.models import AuthenticationLog, Session
from mpac.portal.services.people import grant_role
from mpac.portal.services.verification import authenticate_token
from tests.delivery import deliver_all
from tests.portal.factories import SEED, make_merchant, make_store
from tests.portal.people import cashier_of, delete, get, log_in, make_person, post, try_to_log_in


def logged():
    with atomic(SEED):
        return list(AuthenticationLog.objects.order_by("id").values_list("step", "outcome", "reason"))


def test_with_a_password_gives_tokens_for_fifteen_minutes(api, tenant):
    person = cashier_of(tenant)
    found = log_in(api, person)
    assert (found["mfa_required"], found["token_type"], found["expires_in"]) == (False, "Bearer", 900)
    principal = authenticate_token(found["access_token"], now=clock.now())
    assert (principal.kind, principal.subject, principal.user_id) == (
        *("person", f"user:{person.user.pk}"),
        person.user.pk,
    )
    assert (principal.psp_id, principal.merchant_id, principal.store_ids) == (
        *(tenant.psp.id, tenant.merchant.id),
        (tenant.store.id,),
    )
    assert principal.scopes == ROLE_PERMISSIONS[Role.CASHIER]
    assert logged() == [("password", "succeeded", "")]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"password": "wrong horse battery"}, "wrong_password"),
        ({"email": "no@example.com"}, "unknown_account"),
    ],
)
def test_is_refused_in_the_same_words_whatever_is_wrong(api, tenant, changes, reason):
    answer = try_to_log_in(api, cashier_of(tenant), **changes)
    assert answer.status_code == 401
    assert answer.json()["code"] == "sign_in_refused"
    assert logged() == [("password", "refused", reason)]


def test_of_an_operator_needs_a_second_factor_and_gives_a_token_of_the_platform(api, tenant):
    person = make_person(Role.PLATFORM_OPERATOR, factor=True)
    first = try_to_log_in(api, person).json()
    assert first.keys() == {"mfa_required", "mfa_token", "methods"}
    assert (first["mfa_required"], first["methods"]) == (True, ["totp"])
    found = log_in(api, person)
    assert found.keys() >= {"access_token", "token_type", "expires_in", "refresh_token"}
    principal = authenticate_token(found["access_token"], now=clock.now())
    assert "platform" in principal.scopes
    listed = api.get("/v1/psps", headers={"Authorization": f"Bearer {found['access_token']}"})
    assert [row["id"] for row in listed.json()["data"]] == [tenant.psp.id]


def rows_with(superuser, text):
    """The tables of portal that hold a text somewhere in a row."""
    tables = superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'portal'").fetchall()
    holds = "SELECT EXISTS (SELECT 1 FROM portal.{} t WHERE position(%s IN t::text) > 0)"
    return [name for (name,) in tables if superuser.execute(holds.format(name), [text]).fetchone() == (True,)]


def test_leaves_nothing_in_the_database_that_could_be_used(api, tenant, superuser):
    person = make_person(Role.PLATFORM_OPERATOR, factor=True)
    challenge = try_to_log_in(api, person).json()
    found = log_in(api, person)
    codes = post(api, "recovery-codes", token=found["access_token"]).json()["recovery_codes"]
    post(api, "password/reset", {"email": person.email})
    assert rows_with(superuser, person.email)
    mail.outbox.clear()
    assert rows_with(superuser, "pr_") == []
    deliver_all([portal_db])
    sent = re.search(r"pr_[\w-]+", mail.outbox[-1].body)[0]
    secrets = [challenge["mfa_token"], sent, person.password, person.secret, *codes]
    secrets += [value for name, value in found.items() if name.endswith("_token")]
    assert len(secrets) >= 4 + len(codes) + 2
    assert {secret: rows_with(superuser, secret) for secret in secrets} == {each: [] for each in secrets}


def test_goes_on_with_a_refresh_token_that_changes_each_time(api, tenant):
    person = cashier_of(tenant)
    tokens = log_in(api, person)
    for _ in range(3):
        answer = post(api, "refresh", {"refresh_token": tokens["refresh_token"]})
        assert answer.status_code == 200
        assert answer.json()["refresh_token"] != tokens["refresh_token"]
        tokens = answer.json()
    assert get(api, "sessions", tokens["access_token"]).status_code == 200


def test_ends_altogether_when_a_refresh_token_comes_twice(api, tenant):
    first = log_in(api, cashier_of(tenant))
    second = post(api, "refresh", {"refresh_token": first["refresh_token"]}).json()
    refused = post(api, "refresh", {"refresh_token": first["refresh_token"]})
    assert (refused.status_code, refused.json()["code"]) == (401, "refresh_refused")
    assert post(api, "refresh", {"refresh_token": second["refresh_token"]}).status_code == 401
    with atomic(SEED):
        assert Session.objects.get().ended_because == "refresh_reused"
    assert logged()[-1] == ("refresh", "refused", "reused")


def test_shows_where_a_person_is_signed_in_and_ends_it(api, tenant):
    person = cashier_of(tenant)
    one, two = log_in(api, person), log_in(api, person)
    rows = get(api, "sessions", two["access_token"]).json()["data"]
    assert [(row["id"], row["current"]) for row in rows] == [
        (two["session_id"], True),
        (one["session_id"], False),
    ]
    assert rows[0]["address"] == "127.0.0.1"
    ended = delete(api, f"sessions/{one['session_id']}", two["access_token"])
    assert ended.status_code == 200
    assert ended.json()["ended_at"]
    assert len(get(api, "sessions", two["access_token"]).json()["data"]) == 1
    assert post(api, "refresh", {"refresh_token": one["refresh_token"]}).status_code == 401


def test_ends_nobody_elses_session(api, tenant):
    own, foreign = log_in(api, cashier_of(tenant)), log_in(api, cashier_of(tenant))
    assert delete(api, f"sessions/{foreign['session_id']}", own["access_token"]).status_code == 404
    assert get(api, "sessions", foreign["access_token"]).status_code == 200


def test_ends_by_logging_out(api, tenant):
    tokens = log_in(api, cashier_of(tenant))
    assert post(api, "logout", token=tokens["access_token"]).status_code == 200
    assert post(api, "refresh", {"refresh_token": tokens["refresh_token"]}).status_code == 401


def test_speaks_for_one_role_at_a_time_and_joins_the_stores_of_one(api, tenant):
    now = clock.now()
    person = cashier_of(tenant)
    second, other = make_store(tenant.merchant), make_merchant(tenant.psp)
    where = {"psp_id": tenant.psp.id, "merchant_id": tenant.merchant.id}
    grant_role(scope=SEED, user=person.user, role=Role.CASHIER, store_id=second.id, now=now, **where)
    auditor = {"psp_id": tenant.psp.id, "merchant_id": other.id}
    grant_role(scope=SEED, user=person.user, role=Role.AUDITOR, now=now, **auditor)
    tokens = log_in(api, person)
    assert [(held["role"], held["store_id"], held["current"]) for held in tokens["memberships"]] == [
        ("cashier", tenant.store.id, True),
        ("cashier", second.id, False),
        ("auditor", None, False),
    ]
    principal = authenticate_token(tokens["access_token"], now=clock.now())
    assert principal.store_ids == (tenant.store.id, second.id)
    target = tokens["memberships"][2]["membership_id"]
    switched = post(api, "switch", {"membership_id": target}, token=tokens["access_token"]).json()
    principal = authenticate_token(switched["access_token"], now=clock.now())
    assert (principal.merchant_id, principal.store_ids) == (other.id, None)
    assert "payments:write" not in principal.scopes
    again = post(api, "refresh", {"refresh_token": tokens["refresh_token"]}).json()
    assert authenticate_token(again["access_token"], now=clock.now()).merchant_id == other.id
    assert post(api, "switch", {"membership_id": 10**9}, token=tokens["access_token"]).status_code == 404
