"""A push into the mirror ..."""

import copy

import pytest

from kernel.crypto import seal
from kernel.money import Money
from kernel.tenancy import SystemScope, TenantScope
from mpac.pgw import api as pgw
from mpac.pgw.db import atomic, db
from mpac.pgw.models import Merchant, StoreProviderConfig
from tests.signed import Service

PATH = "/v1/sync/merchants"
SEALED = "sealed-somewhere-else"


def body(**changes) -> dict:
    """One merchant with one store with one account, as an external source would push it."""
    config = {
        "provider_name": "fake",
        "merchant_id": "paypay_merchant_123",
        "api_key_encrypted": SEALED,
        "enabled": True,
        "version": 1,
    }
    store = {
        "store_id": 111,
        "store_code": "S1",
        "name": "Shibuya",
        "version": 1,
        "provider_configs": [config],
    }
    merchant = {"merchant_id": 11, "merchant_code": "M1", "name": "Example", "version": 1, "stores": [store]}
    return {"client_partner_id": 1, "merchants": [{**merchant, **changes}]}


def with_change(path: str, value: object) -> dict:
    """A good merchant and one with a value changed, or taken out."""
    good = {"merchant_id": 33, "merchant_code": "M3", "name": "Good", "version": 1}
    changed = body()
    changed["merchants"].insert(0, good)
    *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
    place = changed
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return changed


def rows() -> list[int]:
    with atomic(SystemScope("sync")):
        return [
            db.execute(f"SELECT count(*) FROM {table}")[0][0]
            for table in ("client_partners", "merchants", "stores", "store_provider_configs")
        ]


@pytest.fixture
def service(api) -> Service:
    return Service(api)


def results(answer) -> list[tuple[str, str, str]]:
    assert answer.status_code == 200, answer.content
    return [(item["kind"], item["id"], item["result"]) for item in answer.json()["results"]]


def test_is_taken_and_counted(service):
    answer = service.post(PATH, body())
    assert results(answer) == [
        ("merchant", "11", "applied"),
        ("store", "111", "applied"),
        ("provider_config", "111/fake", "applied"),
    ]
    counts = {name: value for name, value in answer.json().items() if name.startswith("synced")}
    assert counts == {"synced_merchants": 1, "synced_stores": 1, "synced_provider_configs": 1}
    with atomic(TenantScope(1)):
        config = StoreProviderConfig.objects.get()
    assert (config.account, config.api_key_encrypted, config.livemode) == (
        {"merchant_id": "paypay_merchant_123"},
        SEALED,
        None,
    )


def test_of_nothing_is_fine(service):
    answer = service.post(PATH, b'{"client_partner_id":1,"merchants":[]}')
    assert answer.json() == {
        "synced_merchants": 0,
        "synced_stores": 0,
        "synced_provider_configs": 0,
        "results": [],
    }


def test_makes_a_store_usable(service, provider, now):
    push = body()
    push["merchants"][0]["stores"][0]["provider_configs"][0]["api_key_encrypted"] = seal(
        b'{"api_key": "k"}', aad="provider-config:1:11:111:fake"
    )
    service.post(PATH, push)
    scope = TenantScope(1, 11)
    created = pgw.create_payment_intent(
        scope=scope,
        merchant_id=11,
        store_id=111,
        amount=Money(100, "THB"),
        method="qr_code",
        idempotency_key="k",
        source="smarttab",
        now=now,
    )
    confirmed = pgw.confirm_payment_intent(scope=scope, intent_id=created.id, now=now)
    assert confirmed.status == "requires_action"
    assert provider.created[0].account.credentials == {"api_key": "k"}


def test_changes_nothing_when_repeated(service):
    service.post(PATH, body())
    assert {result for _, _, result in results(service.post(PATH, body()))} == {"unchanged"}


def test_of_an_older_version_changes_nothing(service):
    service.post(PATH, body(version=5, name="Newer"))
    assert results(service.post(PATH, body(version=4, name="Older")))[0] == ("merchant", "11", "unchanged")
    with atomic(TenantScope(1)):
        assert Merchant.objects.get().name == "Newer"


def test_of_a_deleted_row_leaves_a_tombstone(service):
    service.post(PATH, body())
    service.post(PATH, body(version=2, deleted=True))
    with atomic(TenantScope(1)):
        assert Merchant.objects.get().deleted_at is not None


def test_cannot_take_over_what_another_provider_owns(service):
    service.post(PATH, body())
    stolen = {**body(version=99, name="Stolen"), "client_partner_id": 2}
    answer = service.post(PATH, stolen)
    assert results(answer) == [("merchant", "11", "refused")]
    assert answer.json()["results"][0]["reason"] == "owner"
    assert answer.json()["synced_merchants"] == 0
    with atomic(TenantScope(1)):
        assert Merchant.objects.get().name == "Example"
    with atomic(TenantScope(2)):
        assert not Merchant.objects.exists()


def test_is_applied_merchant_by_merchant(service):
    service.post(PATH, body())
    own = copy.deepcopy(body()["merchants"][0]) | {"merchant_id": 22, "stores": []}
    both = {"client_partner_id": 2, "merchants": [body(version=9)["merchants"][0], own]}
    assert results(service.post(PATH, both)) == [("merchant", "11", "refused"), ("merchant", "22", "applied")]


MERCHANT, STORE = "merchants.1", "merchants.1.stores.0"
CONFIG = f"{STORE}.provider_configs.0"
MALFORMED = [
    *(
        (path, ...)
        for path in (
            "client_partner_id", "merchants", f"{MERCHANT}.merchant_id", f"{MERCHANT}.merchant_code",
            f"{MERCHANT}.name", f"{MERCHANT}.version", f"{STORE}.store_id", f"{STORE}.store_code", f"{STORE}.name",
            f"{STORE}.version", f"{CONFIG}.provider_name", f"{CONFIG}.merchant_id", f"{CONFIG}.api_key_encrypted",
            f"{CONFIG}.enabled", f"{CONFIG}.version",
        )
    ),
    *((path, value) for path in ("client_partner_id", f"{MERCHANT}.merchant_id", f"{STORE}.store_id")
      for value in (0, -1, 2**31, 1.5, "1", None, True, [])),
    *((f"{place}.version", value) for place in (MERCHANT, STORE, CONFIG) for value in (-1, 2**63, 1.5, "1", None)),
    *((f"{place}.name", value) for place in (MERCHANT, STORE) for value in ("", "x" * 256, 5, None, "a\0b")),
    (f"{CONFIG}.provider_name", "x" * 41),
    (f"{CONFIG}.api_key_encrypted", ""),
    (f"{CONFIG}.api_key_encrypted", "x" * 20_001),
    (f"{CONFIG}.enabled", "yes"),
    (f"{MERCHANT}.deleted", 1),
    (f"{MERCHANT}.psp_id", 2),
    (f"{CONFIG}.api_key", "open"),
    (MERCHANT, "merchant"),
    (f"{MERCHANT}.stores", {}),
    ("merchants", None),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value"), MALFORMED, ids=lambda part: str(part)[:40])
def test_that_is_malformed_is_refused_as_a_whole(service, path, value):
    answer = service.post(PATH, with_change(path, value))
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"]
    assert rows() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("raw", "content_type", "status", "code"),
    [
        (b"{}", "application/json", 400, "invalid"),
        (b"{", "application/json", 400, "malformed_json"),
        (b"[]", "application/json", 400, "invalid"),
        (b"\xff\xfe", "application/json", 400, "malformed_json"),
        (b"[" * 100_000, "application/json", 400, "invalid"),
        (b'{"client_partner_id":1,"merchants":[]}', "text/plain", 415, "unsupported_media_type"),
        (b" " * (4 * 1024 * 1024 + 1), "application/json", 413, "body_too_large"),
    ],
    ids=["empty", "cut", "array", "binary", "deep", "text", "huge"],
)
def test_that_is_no_push_is_refused(service, raw, content_type, status, code):
    answer = service.post(PATH, raw, content_type=content_type)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert rows() == [0, 0, 0, 0]


def test_of_more_merchants_than_one_call_takes_is_refused(service):
    one = {"merchant_code": "M", "name": "M", "version": 1}
    many = {"client_partner_id": 1, "merchants": [one | {"merchant_id": n} for n in range(1, 502)]}
    assert service.post(PATH, many).status_code == 400
    assert rows() == [0, 0, 0, 0]
