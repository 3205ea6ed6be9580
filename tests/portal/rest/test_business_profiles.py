"""What the hierarchy says of where and how somebody does business ..."""

import pytest

JSON = "application/json"
ADDRESS = {"line1": "999 Rama I Road", "district": "Pathum Wan", "city": "Bangkok", "postal_code": "10330"}
ALL_LINES = {
    "line1": None,
    "line2": None,
    "district": None,
    "city": None,
    "region": None,
    "postal_code": None,
}


def merchant_path(tenant) -> str:
    return f"/v1/merchants/{tenant.merchant.id}"


def store_path(tenant) -> str:
    return f"/v1/stores/{tenant.store.id}"


def faults(answer) -> list[tuple[str, str]]:
    assert answer.status_code == 400, answer.content
    return [(error["field"], error["code"]) for error in answer.json()["errors"]]


def test_is_kept_from_the_beginning_and_raises_the_version_when_it_changes(partner):
    told = {
        "code": "M1",
        "name": "Noodles",
        "address": ADDRESS,
        "tax_number": "0994000617721",
        "onboarding": {"legal_name": "Noodles Ltd.", "merchant_category_code": "5812"},
    }
    merchant = partner.post("/v1/merchants", told, content_type=JSON).json()
    assert (merchant["address"], merchant["tax_number"]) == (ALL_LINES | ADDRESS, "0994000617721")
    assert merchant["onboarding"]["legal_name"] == "Noodles Ltd."
    path = f"/v1/merchants/{merchant['id']}"
    changed = partner.patch(path, {"onboarding": {"seats": 40}, "address": None}, content_type=JSON).json()
    assert (changed["version"], changed["address"], changed["onboarding"]["seats"]) == (2, None, 40)
    assert changed["onboarding"]["legal_name"] is None
    same = partner.patch(path, {"onboarding": {"seats": 40}}, content_type=JSON).json()
    assert same["version"] == 2


def test_of_a_store_has_a_branch_and_a_beginning_of_its_business_day(partner, tenant):
    store = partner.get(store_path(tenant)).json()
    assert (store["tax_branch"], store["business_day_starts_at"], store["address"]) == ("", "00:00", None)
    told = {"tax_branch": "00001", "business_day_starts_at": "04:30"}
    changed = partner.patch(store_path(tenant), told, content_type=JSON).json()
    assert (changed["tax_branch"], changed["business_day_starts_at"]) == ("00001", "04:30")


@pytest.mark.parametrize("number", ["1111111111111", "099400061772", "T5835678256246", "0994000617722"])
def test_takes_no_thai_tax_number_whose_digits_do_not_fit(partner, tenant, number):
    answer = partner.patch(merchant_path(tenant), {"tax_number": number}, content_type=JSON)
    assert faults(answer) == [("tax_number", "invalid_tax_number")]


def test_takes_the_tax_number_of_the_country_that_it_will_be_in(partner, tenant):
    japan = {"country": "JP", "tax_number": "T5835678256246"}
    assert partner.patch(merchant_path(tenant), japan, content_type=JSON).status_code == 200
    back = partner.patch(merchant_path(tenant), {"country": "TH"}, content_type=JSON)
    assert faults(back) == [("tax_number", "invalid_tax_number")]
    elsewhere = {"country": "CH", "tax_number": "CHE-116.281.710"}
    assert partner.patch(merchant_path(tenant), elsewhere, content_type=JSON).status_code == 200


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (store_path, {"tax_branch": "1"}),
        (store_path, {"business_day_starts_at": "24:00"}),
        (store_path, {"business_day_starts_at": "4:30"}),
        (store_path, {"tax_number": "0994000617721"}),
        (store_path, {"address": {"line1": "x"}}),
        (store_path, {"address": {"line1": "x\u0000", "city": "y"}}),
        (store_path, {"address": {**ADDRESS, "planet": "Earth"}}),
        (merchant_path, {"onboarding": {"surprise": 1}}),
        (merchant_path, {"onboarding": {"merchant_category_code": "58"}}),
        (merchant_path, {"onboarding": {"website": "javascript:alert(1)"}}),
        (merchant_path, {"onboarding": {"notes": "x" * 2001}}),
        (merchant_path, {"onboarding": []}),
        (merchant_path, {"business_day_starts_at": "04:30"}),
    ],
)
def test_is_refused_by_its_schema_and_changes_nothing(partner, tenant, path, told):
    answer = partner.patch(path(tenant), told, content_type=JSON)
    assert (answer.status_code, bool(answer.json()["errors"])) == (400, True)
    assert partner.get(path(tenant)).json()["version"] == 1
