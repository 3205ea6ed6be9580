"""An API key..."""

import pytest

from kernel import clock
from kernel.errors import Invalid, NotFound, Unauthenticated
from kernel.tenancy import TenantScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.domain.permissions import USUAL_KEY_SCOPES
from mpac.portal.dto import ProfileChanges
from mpac.portal.models import ApiKey
from mpac.portal.services import hierarchy
from mpac.portal.services.api_keys import authenticate_api_key, issue_api_key, revoke_api_key
from tests.portal.factories import SEED, make_tenant, published, seconds


def issue(tenant, *, mode=ApiKeyMode.TEST, **more):
    return issue_api_key(scope=SEED, psp_id=tenant.psp.id, name="server", mode=mode, now=clock.now(), **more)


@pytest.mark.parametrize(("mode", "live"), [(ApiKeyMode.TEST, False), (ApiKeyMode.LIVE, True)])
def test_says_whose_it_is_and_which_data_it_reaches(tenant, mode, live):
    issued = issue(tenant, mode=mode)
    principal = authenticate_api_key(issued.secret, now=clock.now())
    assert issued.secret.startswith(f"sk_{mode}_")
    assert (principal.kind, principal.subject, principal.livemode) == (
        "partner",
        issued.api_key.public_id,
        live,
    )
    assert principal.scope() == TenantScope(tenant.psp.id, livemode=live)
    assert principal.scopes == set(USUAL_KEY_SCOPES)
    assert principal.rate_limit_per_minute == 100


def test_is_kept_as_a_hash_only(tenant):
    secret = issue(tenant).secret
    with atomic(SEED):
        row = db.execute("SELECT row_to_json(k)::text FROM api_keys k")[0][0]
    assert secret not in row + str(published())
    assert secret[:16] in row


def test_is_one_of_several_that_are_valid_at_once(tenant):
    first, second = issue(tenant), issue(tenant)
    for issued in (first, second):
        assert authenticate_api_key(issued.secret, now=clock.now()).subject == issued.api_key.public_id


def test_that_is_not_one_is_refused_before_the_database_is_asked(tenant, django_assert_num_queries):
    for text in ("", "sk_test_", "sk_test_short", "sk_live_" + "!" * 48, "x" * 56):
        with django_assert_num_queries(0), pytest.raises(Unauthenticated):
            authenticate_api_key(text, now=clock.now())


def test_with_the_right_prefix_and_a_wrong_secret_is_refused(tenant):
    secret = issue(tenant).secret
    with pytest.raises(Unauthenticated):
        authenticate_api_key(secret[:-1] + ("a" if secret[-1] != "a" else "b"), now=clock.now())


def test_is_asked_for_at_most_every_three_seconds(tenant, django_assert_num_queries):
    secret, now = issue(tenant).secret, clock.now()
    authenticate_api_key(secret, now=now)
    with django_assert_num_queries(0):
        authenticate_api_key(secret, now=now + seconds(2.9))


def test_is_refused_within_three_seconds_of_its_revocation(tenant):
    issued, now = issue(tenant), clock.now()
    authenticate_api_key(issued.secret, now=now)
    revoke_api_key(scope=SEED, api_key_id=issued.api_key.id, now=now)
    with pytest.raises(Unauthenticated):
        authenticate_api_key(issued.secret, now=now + seconds(3))
    (event,) = published("portal.api_key_revoked")
    assert event["prefix"] == issued.api_key.prefix


def test_is_revoked_once(tenant):
    issued = issue(tenant)
    first = revoke_api_key(scope=SEED, api_key_id=issued.api_key.id, now=clock.now()).revoked_at
    later = clock.now() + seconds(5)
    assert revoke_api_key(scope=SEED, api_key_id=issued.api_key.id, now=later).revoked_at == first
    assert len(published("portal.api_key_revoked")) == 1


def test_is_refused_when_it_has_expired(tenant):
    now = clock.now()
    issued = issue(tenant, expires_at=now + seconds(60))
    assert authenticate_api_key(issued.secret, now=now + seconds(50))
    with pytest.raises(Unauthenticated):
        authenticate_api_key(issued.secret, now=now + seconds(60))


def test_is_refused_while_its_provider_is_suspended(tenant):
    secret, now = issue(tenant).secret, clock.now()
    authenticate_api_key(secret, now=now)
    changes = ProfileChanges(status="suspended")
    hierarchy.update_psp(scope=SEED, psp_id=tenant.psp.id, changes=changes, now=now)
    with pytest.raises(Unauthenticated):
        authenticate_api_key(secret, now=now + seconds(3))


def test_remembers_its_use_to_the_minute(tenant):
    issued, now = issue(tenant), clock.now()
    authenticate_api_key(issued.secret, now=now)
    authenticate_api_key(issued.secret, now=now + seconds(30))
    assert last_used(issued) == now
    authenticate_api_key(issued.secret, now=now + seconds(90))
    assert last_used(issued) == now + seconds(90)


def last_used(issued):
    with atomic(SEED):
        return ApiKey.objects.get(id=issued.api_key.id).last_used_at


def test_carries_nothing_that_steers_terminals_unless_it_is_asked_for():
    assert set(USUAL_KEY_SCOPES) == {
        *("hierarchy:read", "devices:read", "commands:read", "settings:read", "apps:read"),
        *("payments:read", "payments:write", "webhooks:read", "webhooks:write"),
    }


def test_carries_known_scopes_only(tenant):
    assert authenticate_api_key(issue(tenant, scopes=["devices:read"]).secret, now=clock.now()).scopes == {
        "devices:read"
    }
    with pytest.raises(Invalid):
        issue(tenant, scopes=["everything"])


def test_of_another_provider_is_missing(tenant):
    issued, other = issue(tenant), make_tenant()
    with pytest.raises(NotFound):
        revoke_api_key(scope=other.scope, api_key_id=issued.api_key.id, now=clock.now())
    with pytest.raises(NotFound):
        issue_api_key(
            scope=other.scope, psp_id=tenant.psp.id, name="x", mode=ApiKeyMode.LIVE, now=clock.now()
        )
