"""API keys over HTTP ..."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from kernel import clock
from kernel.tenancy import SystemScope
from mpac.portal.db import atomic
from mpac.portal.domain.permissions import USUAL_KEY_SCOPES
from mpac.portal.errors import ApiKeyEnded
from mpac.portal.models import ApiKey
from mpac.portal.services import api_keys
from mpac.portal.services.api_keys import InvalidApiKey, api_key_reader, authenticate_api_key
from tests.architecture.world import Place, person_token
from tests.portal.factories import make_api_key, make_tenant

JSON = "application/json"
SEED = SystemScope("seed")


def place_of(tenant) -> Place:
    names = {"psp_id": tenant.psp.id, "merchant_id": tenant.merchant.id, "store_id": tenant.store.id}
    return Place(names, [])


class Administrator:
    """Calls in the name of somebody of a provider."""

    def __init__(self, api, token: str) -> None:
        self._api, self._headers = api, {"HTTP_AUTHORIZATION": f"Bearer {token}"}

    def get(self, path: str):
        return self._api.get(f"/v1{path}", **self._headers)

    def post(self, path: str, body: object = None):
        return self._api.post(f"/v1{path}", body or {}, content_type=JSON, **self._headers)


@pytest.fixture
def admin(api, tenant):
    return Administrator(api, person_token(place_of(tenant), "psp_id"))


def made(admin, **changes):
    answer = admin.post("/api-keys", {"name": "server", "mode": "test", **changes})
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_are_issued_shown_once_and_withdrawn(admin, api, superuser):
    key = made(admin, scopes=["hierarchy:read"])
    assert key["secret"].startswith(key["prefix"])
    held = {"HTTP_AUTHORIZATION": f"Bearer {key['secret']}"}
    assert api.get("/v1/merchants", **held).status_code == 200
    assert api.get("/v1/api-keys", **held).status_code == 403
    shown = admin.get("/api-keys").content + admin.get(f"/api-keys/{key['id']}").content
    assert key["secret"].encode() not in shown
    assert key["id"].encode() in shown
    everything = superuser.execute(
        "SELECT count(*) FROM portal.api_keys k WHERE k::text LIKE %s", ["%" + key["secret"] + "%"]
    )
    assert everything.fetchone() == (0,)
    first = admin.post(f"/api-keys/{key['id']}/revoke").json()
    assert first["revoked_at"]
    assert admin.post(f"/api-keys/{key['id']}/revoke").json() == first
    api_key_reader.forget()
    assert api.get("/v1/merchants", **held).status_code == 401


def test_carry_what_their_maker_holds_and_no_more(api, tenant):
    narrow = Administrator(
        api,
        person_token(
            place_of(tenant),
            "psp_id",
            scopes=["api_keys:write", "devices:read", "devices:kill", "people:write"],
        ),
    )
    assert made(narrow)["scopes"] == ["devices:read"]
    assert made(narrow, scopes=["devices:kill"])["scopes"] == ["devices:kill"]
    for scopes, code in ((["devices:write"], "not_held"), (["people:write"], "unknown_scope")):
        answer = narrow.post("/api-keys", {"name": "x", "mode": "live", "scopes": scopes})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)
    wide = made(Administrator(api, person_token(place_of(tenant), "psp_id")))
    assert wide["scopes"] == list(USUAL_KEY_SCOPES)
    only = Administrator(api, person_token(place_of(tenant), "psp_id", scopes=["api_keys:write"]))
    answer = only.post("/api-keys", {"name": "x", "mode": "live"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "required")
    answer = narrow.post(f"/api-keys/{wide['id']}/roll")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "not_held")


def test_are_rolled_with_an_overlap_in_which_both_are_valid(admin):
    old = made(admin)
    new = admin.post(f"/api-keys/{old['id']}/roll", {"overlap_s": 600})
    assert new.status_code == 201
    now = clock.now()
    assert admin.get(f"/api-keys/{old['id']}").json()["replaced_by"] == new.json()["id"]
    assert (new.json()["scopes"], new.json()["mode"]) == (old["scopes"], old["mode"])
    for at, valid in ((now, True), (now + dt.timedelta(seconds=601), False)):
        api_key_reader.forget()
        assert authenticate_api_key(new.json()["secret"], now=at).subject == new.json()["id"]
        if valid:
            assert authenticate_api_key(old["secret"], now=at).subject == old["id"]
        else:
            with pytest.raises(InvalidApiKey):
                authenticate_api_key(old["secret"], now=at)
    again = admin.post(f"/api-keys/{old['id']}/roll", {"overlap_s": 600})
    assert (again.status_code, again.json()["code"]) == (409, "api_key_ended")


def test_are_rolled_once_by_many_at_once(tenant):
    make_api_key(tenant.psp)
    with atomic(SEED):
        old = ApiKey.objects.get()

    def roll(_number):
        try:
            return api_keys.roll_api_key(scope=SEED, api_key_id=old.id, overlap_s=60, now=clock.now())
        except ApiKeyEnded:
            return None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        rolled = [issued for issued in pool.map(roll, range(4)) if issued]
    assert len(rolled) == 1
    with atomic(SEED):
        assert ApiKey.objects.count() == 2


@pytest.mark.parametrize(
    "told",
    [
        {"mode": "test"},
        {"name": "x", "mode": "sandbox"},
        {"name": "x", "mode": "test", "scopes": []},
        {"name": "x", "mode": "test", "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "x", "mode": "test", "expires_at": "tomorrow"},
        {"name": "x", "mode": "test", "secret": "sk_test_mine"},
    ],
)
def test_are_refused_in_words_when_they_cannot_be(admin, told):
    answer = admin.post("/api-keys", told)
    assert (answer.status_code, bool(answer.json()["errors"])) == (400, True)
    with atomic(SEED):
        assert not ApiKey.objects.exists()


def test_of_another_provider_are_missing(admin, api):
    other = make_tenant()
    make_api_key(other.psp)
    with atomic(SEED):
        theirs = ApiKey.objects.get()
    missing = admin.get("/api-keys/key_01arz3ndektsv4rrffq69g5fav")
    for call in (
        admin.get,
        lambda path: admin.post(f"{path}/roll"),
        lambda path: admin.post(f"{path}/revoke"),
    ):
        answer = call(f"/api-keys/{theirs.public_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, missing.json()["code"])
    assert admin.post("/api-keys", {"name": "x", "mode": "test", "psp_id": other.psp.id}).status_code == 404
    assert admin.get("/api-keys").json()["data"] == []
