"""The simulator's own calls."""

from pathlib import Path

import pytest

from simulator.settings import Settings, from_environment
from tests.simulator.conftest import Running, Starter


def test_truth_starts_empty(bank: Running) -> None:
    assert bank.http.get("/__truth").json() == {"charges": [], "refunds": []}


def test_a_reset_forgets_charges_scripts_and_tokens(bank: Running) -> None:
    headers = bank.authorized()
    bank.pay(bank.qr())
    bank.settle()
    bank.script("create", "decline")
    assert bank.http.post("/__reset").status_code == 200
    assert bank.charges() == []
    assert bank.http.get("/__script").json() == {"scripts": []}
    assert bank.http.get("/__callbacks").json() == {"callbacks": []}
    refused = bank.http.get("/scb/v1/payment/billpayment/inquiry", headers=headers)
    assert refused.json()["status"]["code"] == 9300
    assert bank.qr()


def test_a_script_answers_with_what_is_in_force(bank: Running) -> None:
    body = {"provider": "scb", "operation": "create", "behaviour": "hang_after", "times": 2}
    answer = bank.http.post("/__script", json=body)
    assert (answer.status_code, answer.json()) == (200, {"scripts": [body]})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"provider": "scb", "operation": "create"},
        {"provider": "scb", "operation": "swim", "behaviour": "ok"},
        {"provider": "scb", "operation": "create", "behaviour": "ok", "time": 1},
    ],
)
def test_a_wrong_script_is_refused_in_words(bank: Running, body: dict[str, object]) -> None:
    answer = bank.http.post("/__script", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "script_refused")
    assert answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/__script", "/__pay"])
@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 400), (b"[]", 400), (b'{"a":NaN}', 400), (b"\xff", 400), (b"x" * 65537, 413)],
)
def test_a_bad_body_is_refused(bank: Running, path: str, content: bytes, status: int) -> None:
    assert bank.http.post(path, content=content).status_code == status


def test_unknown_paths_and_methods_are_refused(bank: Running) -> None:
    assert bank.http.get("/nothing").status_code == 404
    assert bank.http.get("/__pay").status_code == 405
    assert bank.http.get("/livez").status_code == 200


def test_a_restarted_simulator_keeps_its_truth(start: Starter, tmp_path: Path) -> None:
    before = start(journal=tmp_path / "books.jsonl")
    paid, due = before.qr("R1"), before.qr("R2")
    before.pay(paid)
    before.settle()
    after = start(journal=tmp_path / "books.jsonl")
    assert after.charges() == [("R1", "paid", 12550), ("R2", "pending", 12550)]
    assert after.pay(paid).status_code == 409
    assert after.pay(due).status_code == 200


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    environ = {
        "MPAC_PORT": "9000",
        "MPAC_SIM_PORT": "9002",
        "MPAC_STATE": str(tmp_path),
        "MPAC_SIM_HANG_S": "1.5",
        "MPAC_SIM_SCB_APPLICATIONS": '{"k": "s"}',
    }
    assert from_environment(environ) == Settings(
        port=9002,
        callback_url="http://127.0.0.1:9000/v1/webhooks/scb",
        hang_s=1.5,
        journal=tmp_path / "simulator.jsonl",
        applications={"k": "s"},
    )


def test_the_journal_can_be_named_or_switched_off(tmp_path: Path) -> None:
    state = {"MPAC_STATE": str(tmp_path)}
    assert from_environment(state | {"MPAC_SIM_JOURNAL": ""}).journal is None
    assert from_environment(state | {"MPAC_SIM_JOURNAL": "/x/y"}).journal == Path("/x/y")
    assert from_environment({"MPAC_STATE": str(tmp_path / "missing")}).journal is None
