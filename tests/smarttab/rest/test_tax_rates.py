"""Tax rates over HTTP ..."""

import pytest

from kernel.tenancy import SystemScope
from mpac.smarttab.db import atomic
from mpac.smarttab.models import TaxRate
from tests.architecture.world import Place, person_token

JSON = "application/json"
SEVEN = {"country": "TH", "code": "vat", "rate_ppm": 70_000, "valid_from": "2026-03-01"}


@pytest.fixture
def operator():
    return {"HTTP_AUTHORIZATION": f"Bearer {person_token(scopes=['platform'])}"}


def add(api, who, **changes):
    return api.post("/v1/tax-rates", {**SEVEN, **changes}, content_type=JSON, **who)


def test_are_added_by_operators_and_read_by_everybody(shop, api, operator):
    assert add(api, operator).status_code == 201
    later = add(api, operator, rate_ppm=100_000, valid_from="2026-10-01")
    assert (later.status_code, later.json()["valid_to"]) == (201, None)
    staff = {"HTTP_AUTHORIZATION": f"Bearer {person_token(Place({'psp_id': shop.psp_id}, []), 'psp_id')}"}
    listed = api.get("/v1/tax-rates?country=TH&code=vat", **staff).json()["data"]
    assert [(rate["rate_ppm"], rate["valid_to"]) for rate in listed] == [
        (100_000, None),
        (70_000, "2026-10-01"),
    ]
    on = api.get("/v1/tax-rates?on=2026-05-05", **staff).json()["data"]
    assert [rate["rate_ppm"] for rate in on] == [70_000]
    assert add(api, staff).status_code == 403


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"valid_from": "2026-02-30"}, "valid_from"),
        ({"valid_from": "2020-01-01"}, "valid_from"),
        ({"rate_ppm": 1_000_001}, "rate_ppm"),
        ({"code": "VAT!"}, "code"),
        ({"country": "th"}, "country"),
    ],
)
def test_are_refused_in_words_and_change_nothing(shop, api, operator, changes, field):
    assert add(api, operator).status_code == 201
    answer = add(api, operator, **changes)
    assert (answer.status_code // 100, answer.json()["errors"][0]["field"]) == (4, field)
    with atomic(SystemScope("seed")):
        assert TaxRate.objects.count() == 1
