"""The hierarchy over HTTP..."""

import pytest

from kernel.principal import Principal
from mpac.portal.domain.permissions import KEY_SCOPES
from mpac.portal.rest import authentication
from tests.portal.factories import make_api_key, make_merchant, make_store, make_tenant

JSON = "application/json"


def as_platform(monkeypatch):
    operator = Principal(kind="person", subject="user:1", scopes=frozenset({"platform"}), user_id=1)
    monkeypatch.setattr(
        authentication.DeviceTokenAuthentication, "authenticate", lambda _self, _request: (operator, None)
    )


def as_person(monkeypatch, tenant, *, store_ids=None):
    """A person of one merchant, or of some of its stores, with every scope."""
    person = Principal(
        kind="person",
        subject="user:2",
        psp_id=tenant.psp.id,
        merchant_id=tenant.merchant.id,
        store_ids=store_ids,
        scopes=frozenset(KEY_SCOPES),
        user_id=2,
    )
    monkeypatch.setattr(
        authentication.DeviceTokenAuthentication, "authenticate", lambda _self, _request: (person, None)
    )


def comparable(answer):
    body = answer.json()
    body.pop("request_id")
    return answer.status_code, body, answer.headers["Content-Type"]


def test_of_merchants_and_stores_grows_by_posts(partner, tenant):
    answer = partner.post("/v1/merchants", {"code": "M1", "name": "Noodles"}, content_type=JSON)
    assert answer.status_code == 201
    merchant = answer.json()
    assert merchant | {"id": 0, "created_at": "", "updated_at": ""} == {
        "object": "merchant",
        "id": 0,
        "created_at": "",
        "updated_at": "",
        "psp_id": tenant.psp.id,
        "code": "M1",
        "name": "Noodles",
        "status": "active",
        "country": "TH",
        "currency": "THB",
        "time_zone": "Asia/Bangkok",
        "address": None,
        "tax_number": "",
        "onboarding": merchant["onboarding"],
        "version": 1,
    }
    assert set(merchant["onboarding"].values()) == {None}
    answer = partner.post(
        "/v1/stores",
        {
            "merchant_id": merchant["id"],
            "code": "S1",
            "name": "Siam",
            "time_zone": "Asia/Tokyo",
            "country": "JP",
        },
        content_type=JSON,
    )
    assert answer.status_code == 201
    store = answer.json()
    assert (store["object"], store["merchant_id"], store["psp_id"]) == (
        "store",
        merchant["id"],
        tenant.psp.id,
    )
    assert (store["currency"], store["country"], store["time_zone"]) == ("THB", "JP", "Asia/Tokyo")
    assert partner.get(f"/v1/stores/{store['id']}").json() == store
    assert partner.get(f"/v1/merchants/{merchant['id']}").json() == merchant


def test_changes_by_patches(partner, tenant):
    answer = partner.patch(f"/v1/merchants/{tenant.merchant.id}", {"name": "New"}, content_type=JSON)
    assert (answer.status_code, answer.json()["name"], answer.json()["version"]) == (200, "New", 2)
    answer = partner.patch(f"/v1/stores/{tenant.store.id}", {"status": "suspended"}, content_type=JSON)
    assert (answer.json()["status"], answer.json()["version"]) == ("suspended", 2)
    assert partner.patch(f"/v1/stores/{tenant.store.id}", {}, content_type=JSON).json()["version"] == 2


def test_names_what_a_closed_store_may_become(partner, tenant):
    path = f"/v1/stores/{tenant.store.id}"
    partner.patch(path, {"status": "closed"}, content_type=JSON)
    answer = partner.patch(path, {"status": "active"}, content_type=JSON)
    assert (answer.status_code, answer.json()["code"], answer.json()["allowed"]) == (
        409,
        "illegal_transition",
        [],
    )


def test_shows_a_provider_itself_and_no_other(partner, tenant):
    other = make_tenant()
    assert [psp["id"] for psp in partner.get("/v1/psps").json()["data"]] == [tenant.psp.id]
    assert partner.get(f"/v1/psps/{tenant.psp.id}").json()["rate_limit_per_minute"] == 100
    assert comparable(partner.get(f"/v1/psps/{other.psp.id}")) == comparable(partner.get("/v1/psps/999999"))


def test_lets_no_provider_change_providers(partner, tenant):
    body = {"code": "NEW", "name": "New", "country": "TH", "currency": "THB", "time_zone": "Asia/Bangkok"}
    assert partner.post("/v1/psps", body, content_type=JSON).status_code == 403
    answer = partner.patch(f"/v1/psps/{tenant.psp.id}", {"rate_limit_per_minute": 9999}, content_type=JSON)
    assert answer.status_code == 403


def test_lets_the_platform_sign_up_providers(api, database, monkeypatch):
    as_platform(monkeypatch)
    body = {"code": "NEW", "name": "New", "country": "TH", "currency": "THB", "time_zone": "Asia/Bangkok"}
    created = api.post("/v1/psps", body, content_type=JSON)
    assert created.status_code == 201
    assert api.post("/v1/psps", body, content_type=JSON).json()["code"] == "code_taken"
    psp_id = created.json()["id"]
    changed = api.patch(f"/v1/psps/{psp_id}", {"rate_limit_per_minute": 500}, content_type=JSON).json()
    assert (changed["rate_limit_per_minute"], changed["version"]) == (500, 2)
    merchant = api.post("/v1/merchants", {"psp_id": psp_id, "code": "M", "name": "M"}, content_type=JSON)
    assert (merchant.status_code, merchant.json()["psp_id"]) == (201, psp_id)
    assert api.post("/v1/merchants", {"code": "M2", "name": "M"}, content_type=JSON).status_code == 400
    assert len(api.get("/v1/psps").json()["data"]) == 1


def test_of_another_provider_looks_like_a_missing_one(partner, tenant):
    other = make_tenant()
    for path in ("/v1/merchants/{merchant}", "/v1/stores/{store}", "/v1/psps/{psp}"):
        foreign = path.format(merchant=other.merchant.id, store=other.store.id, psp=other.psp.id)
        missing = path.format(merchant=999_999, store=999_999, psp=999_999)
        assert comparable(partner.get(foreign)) == comparable(partner.get(missing))
        if "psps" not in path:
            body = {"name": "Mine now"}
            theirs = partner.patch(foreign, body, content_type=JSON)
            assert comparable(theirs) == comparable(partner.patch(missing, body, content_type=JSON))
    for body in ({"merchant_id": other.merchant.id}, {"merchant_id": 999_999}):
        answer = partner.post("/v1/stores", {"code": "S", "name": "S", **body}, content_type=JSON)
        assert answer.status_code == 404
    answer = partner.post(
        "/v1/merchants", {"code": "S", "name": "S", "psp_id": other.psp.id}, content_type=JSON
    )
    assert answer.status_code == 404


def test_is_listed_newest_first_in_pages_and_filtered(partner, tenant):
    stores = [tenant.store, *(make_store(tenant.merchant) for _ in range(4))]
    elsewhere = make_store(make_merchant(tenant.psp))
    make_tenant()
    seen, cursor = [], ""
    while True:
        page = partner.get(f"/v1/stores?limit=2{cursor}").json()
        seen += [store["id"] for store in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [elsewhere.id, *(store.id for store in reversed(stores))]
    filtered = partner.get(f"/v1/stores?merchant_id={tenant.merchant.id}&code={stores[2].code}").json()[
        "data"
    ]
    assert [store["id"] for store in filtered] == [stores[2].id]
    assert partner.get("/v1/stores?status=closed").json()["data"] == []
    assert len(partner.get("/v1/merchants").json()["data"]) == 2


def test_lists_in_one_query(partner, tenant, django_assert_num_queries):
    for _ in range(5):
        make_store(tenant.merchant)
    partner.get("/v1/stores")
    with django_assert_num_queries(4):  # BEGIN, SET LOCAL, SELECT, COMMIT
        partner.get("/v1/stores")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"code": "M"}, "name"),
        ({"code": "small", "name": "x"}, "code"),
        ({"code": "M", "name": "x", "extra": 1}, "extra"),
        ({"code": "M", "name": "x", "country": "XX"}, "country"),
        ({"code": "M", "name": "x", "currency": "ZZZ"}, "currency"),
        ({"code": "M", "name": "x", "time_zone": "Mars"}, "time_zone"),
        ({"code": "M", "name": 5}, "name"),
        ({"code": "M", "name": "x" * 201}, "name"),
    ],
)
def test_names_the_field_at_fault(partner, body, field):
    answer = partner.post("/v1/merchants", body, content_type=JSON)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert len(partner.get("/v1/merchants").json()["data"]) == 1


def test_needs_credentials_with_the_right_scope(api, tenant):
    assert api.get("/v1/merchants").status_code == 401
    headers = {"Authorization": f"Bearer {make_api_key(tenant.psp, scopes=('hierarchy:read',))}"}
    assert api.get("/v1/merchants", headers=headers).status_code == 200
    answer = api.post("/v1/merchants", {"code": "M", "name": "x"}, content_type=JSON, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize("credential", ["sk_test_wrong", "sk_live_" + "A" * 48, "a.b.c", "nonsense", ""])
def test_challenges_wrong_credentials(api, database, credential):
    answer = api.get("/v1/merchants", headers={"Authorization": f"Bearer {credential}"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_is_changed_only_as_far_down_as_a_person_reaches(api, tenant, monkeypatch):
    merchant = f"/v1/merchants/{tenant.merchant.id}"
    new_merchant = {"code": "NEW", "name": "New"}
    new_store = new_merchant | {"merchant_id": tenant.merchant.id}
    as_person(monkeypatch, tenant)
    assert api.post("/v1/merchants", new_merchant, content_type=JSON).status_code == 403
    assert api.patch(merchant, {"name": "Renamed"}, content_type=JSON).status_code == 200
    assert api.post("/v1/stores", new_store, content_type=JSON).status_code == 201
    as_person(monkeypatch, tenant, store_ids=(tenant.store.id,))
    assert api.post("/v1/merchants", new_merchant, content_type=JSON).status_code == 403
    assert api.patch(merchant, {"name": "Again"}, content_type=JSON).status_code == 403
    assert api.post("/v1/stores", new_store | {"code": "MORE"}, content_type=JSON).status_code == 403
    assert api.get(merchant).json()["name"] == "Renamed"
    own_store = api.patch(f"/v1/stores/{tenant.store.id}", {"name": "Mine"}, content_type=JSON)
    assert (own_store.status_code, own_store.json()["name"]) == (200, "Mine")
