"""Watching and recovering the mirror over HTTP ..."""

import pytest

from kernel.relay import MAX_TRIES
from mpac.pgw import api as pgw
from tests.sync.conftest import change, deliver, mirrored, sell


def status(service) -> dict:
    answer = service.get("/v1/sync/status")
    assert answer.status_code == 200
    return answer.json()


def drift_of(*tenants, in_source=True) -> list[dict]:
    return [{"psp_id": one.psp.id, "merchant_id": one.merchant.id, "in_source": in_source} for one in tenants]


def test_tells_what_is_on_its_way(service, tenant, superuser):
    superuser.execute("UPDATE portal.outbox SET created_at = created_at - interval '1 second'")
    waiting = status(service)
    assert waiting["object"] == "sync_status"
    assert 1 <= waiting["lag_s"] < 60
    assert (waiting["pending"], waiting["dead_letters"]) == (4, 0)
    assert waiting["drift"] == drift_of(tenant)


def test_tells_that_all_is_well(service, copied):
    assert status(service) == {
        "object": "sync_status",
        "lag_s": 0.0,
        "pending": 0,
        "dead_letters": 0,
        "drift": [],
    }


def test_tells_what_needs_a_person(service, tenant, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(pgw, "apply_partner_snapshot", lambda *_, **__: 1 / 0)
        for number in range(MAX_TRIES):
            deliver(later_s=300 * number)
    deliver(later_s=300 * MAX_TRIES)
    found = status(service)
    assert (found["pending"], found["dead_letters"], found["drift"]) == (0, 1, [])


def test_copies_one_merchant(service, copied, stranger, superuser):
    for tenant in (copied, stranger):
        change(tenant, "merchant", name="Changed")
    answer = service.post("/v1/sync/run", {"merchant_id": copied.merchant.id})
    assert (answer.status_code, answer.json()) == (200, {"object": "sync_run", "synced_merchants": 1})
    assert status(service)["drift"] == drift_of(stranger)


def test_copies_all_that_drifted(service, tenant, superuser):
    superuser.execute("DELETE FROM portal.outbox")
    answer = service.post("/v1/sync/run", {})
    assert answer.json() == {"object": "sync_run", "synced_merchants": 1}
    assert service.post("/v1/sync/run", {}).json()["synced_merchants"] == 0
    assert status(service)["drift"] == []
    assert sell(tenant).status == "requires_action"


def test_knows_no_merchant_that_portal_does_not_know(service, copied):
    answer = service.post("/v1/sync/run", {"merchant_id": 999_999})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"merchant_id": 0}, 400),
        ({"merchant_id": "1"}, 400),
        ({"merchant_id": 2**31}, 400),
        ({"merchants": []}, 400),
        ([], 400),
        (b"{", 400),
        (b"\xff", 400),
    ],
    ids=str,
)
def test_refuses_malformed_wishes(service, tenant, body, status):
    answer = service.post("/v1/sync/run", body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert mirrored("merchants") == []
