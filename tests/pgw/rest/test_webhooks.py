"""A notice over HTTP ..."""

import pytest

from mpac.pgw import conf
from mpac.pgw.errors import WebhookUndecided
from tests.pgw.conftest import AMOUNT

pytestmark = pytest.mark.usefixtures("healthy")

CONFIRMATION = b'{"transactionId":"202212073WjZwV4OnTKGd08","billPaymentRef1":"NOBODYS","amount":"50.00"}'


def send(api, path, body, **more):
    return api.generic("POST", f"/v1/webhooks/{path}", body, **{"content_type": "application/json", **more})


def kept(superuser) -> list[tuple]:
    return superuser.execute(
        "SELECT provider, account, status, deliveries FROM pgw.webhook_keys ORDER BY id"
    ).fetchall()


def test_is_answered_as_its_provider_expects_and_kept_though_nobody_knows_it(api, provider, superuser):
    answer = send(api, "scb", CONFIRMATION)
    assert (answer.status_code, answer.json()) == (
        200,
        {"resCode": "00", "resDesc": "success", "transactionId": "202212073WjZwV4OnTKGd08"},
    )
    assert send(api, "scb", CONFIRMATION).status_code == 200
    assert kept(superuser) == [("scb", "", "parked", 2)]
    assert superuser.execute("SELECT count(*) FROM pgw.webhook_events").fetchone() == (2,)


def test_may_name_the_account(api, provider, superuser):
    assert send(api, "scb/010556000000001", CONFIRMATION).status_code == 200
    assert kept(superuser) == [("scb", "010556000000001", "parked", 1)]


def test_counts_whatever_media_type_it_claims(api, partner, provider):
    intent = partner.created(confirm=True)
    key = provider.created[0].provider_key
    notice = provider.notice(key, provider.pay(key, AMOUNT))
    assert send(api, "fake", notice, content_type="text/plain").status_code == 200
    assert partner.get(f"/payment-intents/{intent['id']}").json()["status"] == "succeeded"


@pytest.mark.parametrize(
    ("path", "body", "refused"),
    [
        ("nobody", CONFIRMATION, (404, "not_found")),
        ("x" * 65, CONFIRMATION, (404, "not_found")),
        ("scb/" + "x" * 65, CONFIRMATION, (404, "not_found")),
        ("scb/%00", CONFIRMATION, (404, "not_found")),
        ("scb", b"", (400, "webhook_malformed")),
        ("scb", b"{", (400, "webhook_malformed")),
        ("scb", b"\xff", (400, "webhook_malformed")),
        ("scb", b'{"transactionId":"A"}', (400, "webhook_malformed")),
        ("scb", b" " * (conf.MAX_WEBHOOK_BYTES + 1), (413, "body_too_large")),
    ],
    ids=["nobody", "long", "long account", "NUL", "empty", "cut", "binary", "half", "huge"],
)
def test_that_is_none_is_refused_and_not_kept(api, superuser, path, body, refused):
    answer = send(api, path, body)
    assert (answer.status_code, answer.json()["code"]) == refused
    assert kept(superuser) == []


def test_is_only_ever_posted(api, provider):
    assert api.get("/v1/webhooks/scb").status_code == 405


def test_that_cannot_be_checked_at_the_moment_is_to_be_sent_again_and_is_not_kept(
    api, provider, superuser, monkeypatch
):
    def undecided(**_given):
        raise WebhookUndecided

    monkeypatch.setattr(provider, "read_webhook", undecided)
    answer = send(api, "fake", b"{}")
    assert (answer.status_code, answer.json()["code"]) == (503, "webhook_undecided")
    assert kept(superuser) == []
