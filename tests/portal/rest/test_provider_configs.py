"""Provider accounts over HTTP..."""

from mpac.portal.domain.api_keys import ApiKeyMode
from tests.portal.factories import make_api_key, make_tenant

JSON = "application/json"
BODY = {
    "provider": "scb",
    "account": {"biller_id": "010556000000001"},
    "credentials": {"api_key": "key-secret-1", "api_secret": "word-secret-2"},
}


def test_take_credentials_and_never_show_them(partner, tenant):
    path = f"/v1/stores/{tenant.store.id}/provider-configs"
    created = partner.post(path, BODY, content_type=JSON)
    assert created.status_code == 201
    config = created.json()
    assert (config["object"], config["provider"], config["account"]) == (
        "provider_config",
        "scb",
        {"biller_id": "010556000000001"},
    )
    assert config["id"].startswith("pcf_")
    listed = partner.get(path)
    assert listed.json()["data"] == [config]
    changed = partner.patch(f"{path}/scb", {"credentials": {"api_key": "key-secret-3"}}, content_type=JSON)
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    for answer in (created, listed, changed):
        assert b"secret" not in answer.content


def test_are_one_for_each_provider(partner, tenant):
    path = f"/v1/stores/{tenant.store.id}/provider-configs"
    partner.post(path, BODY, content_type=JSON)
    answer = partner.post(path, BODY, content_type=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "provider_configured")


def test_name_the_field_at_fault(partner, tenant):
    path = f"/v1/stores/{tenant.store.id}/provider-configs"
    for changes, field in (
        ({"credentials": {}}, "credentials"),
        ({"provider": "SCB"}, "provider"),
        ({"account": {"biller_id": 5}}, "account.*"),
        ({"enabled": "yes"}, "enabled"),
    ):
        answer = partner.post(path, BODY | changes, content_type=JSON)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == field


def test_of_another_provider_look_like_missing_ones(partner, tenant):
    other = make_tenant()
    for store_id in (other.store.id, 999_999):
        path = f"/v1/stores/{store_id}/provider-configs"
        assert partner.get(path).status_code == 404
        assert partner.post(path, BODY, content_type=JSON).status_code == 404
        assert partner.patch(f"{path}/scb", {"enabled": False}, content_type=JSON).status_code == 404
    own = f"/v1/stores/{tenant.store.id}/provider-configs/scb"
    assert partner.patch(own, {"enabled": False}, content_type=JSON).status_code == 404


def test_of_the_other_mode_look_like_missing_ones(partner, tenant):
    path = f"/v1/stores/{tenant.store.id}/provider-configs"
    live = {"authorization": f"Bearer {make_api_key(tenant.psp, mode=ApiKeyMode.LIVE)}"}
    assert partner.post(path, BODY, content_type=JSON, headers=live).json()["livemode"] is True
    assert partner.get(path).json()["data"] == []
    stolen = {"account": {"biller_id": "999999999999999"}}
    assert partner.patch(f"{path}/scb", stolen, content_type=JSON).status_code == 404
    assert partner.get(path, headers=live).json()["data"][0]["account"] == BODY["account"]
