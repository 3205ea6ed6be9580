"""One key ..."""

import threading
from collections import Counter

import pytest
from django.db import connections
from django.test import Client

from mpac.pgw.db import atomic
from mpac.pgw.models import PaymentAttempt, PaymentIntent
from tests.pgw.rest.conftest import Caller

pytestmark = pytest.mark.usefixtures("healthy")


def at_once(count, send):
    """`count` threads call `send` at the same instant; returns the answers."""
    barrier, answers = threading.Barrier(count), []

    def run(number):
        barrier.wait()
        try:
            answers.append(send(number))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def own_client(caller: Caller) -> Caller:
    """The same caller over a connection of its own: the test client is not made for threads."""
    return Caller(Client(raise_request_exception=False), caller.credential, caller.tenant)


def intents(caller: Caller) -> int:
    with atomic(caller.scope):
        return PaymentIntent.objects.count()


def test_gets_the_first_answer_again(partner):
    first = partner.post("/payment-intents", partner.wish(), key="K")
    again = partner.post("/payment-intents", partner.wish(), key='"K"')

    assert (again.status_code, again.json()) == (201, first.json())
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert intents(partner) == 1


def test_with_another_payload_is_refused(partner):
    partner.post("/payment-intents", partner.wish(), key="K")
    answer = partner.post("/payment-intents", partner.wish(amount=1), key="K")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_is_needed(partner):
    answer = partner.post("/payment-intents", partner.wish(), key=False)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")


def test_must_be_well_formed(partner):
    answer = partner.post("/payment-intents", partner.wish(), key="x" * 256)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed")


def test_is_each_tenants_own(partner, stranger):
    ours = partner.post("/payment-intents", partner.wish(), key="K").json()
    theirs = stranger.post("/payment-intents", stranger.wish(), key="K").json()
    assert ours["id"] != theirs["id"]


def test_forgotten_with_its_answer_is_still_refused_for_another_payload(partner, superuser):
    partner.post("/payment-intents", partner.wish(), key="K")
    superuser.execute("DELETE FROM pgw.idempotency_keys")

    for other in (partner.wish(amount=1), partner.wish(amount=1, confirm=True)):
        answer = partner.post("/payment-intents", other, key="K")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert intents(partner) == 1


def test_has_no_second_effect_after_its_answer_was_forgotten(partner, superuser):
    first = partner.post("/payment-intents", partner.wish(), key="K").json()
    superuser.execute("DELETE FROM pgw.idempotency_keys")

    again = partner.post("/payment-intents", partner.wish(), key="K")
    assert (again.status_code, again.json()["id"]) == (201, first["id"])
    assert intents(partner) == 1


def test_of_200_requests_at_once_makes_one_intent(partner):
    answers = at_once(200, lambda _: own_client(partner).post("/payment-intents", partner.wish(), key="K"))

    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {201, 409}
    assert statuses[201] >= 1
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {
        "idempotency_in_flight"
    }
    assert sum("Idempotent-Replayed" not in answer for answer in answers if answer.status_code == 201) == 1
    assert intents(partner) == 1


def test_of_200_confirmations_at_once_makes_one_charge(partner, provider):
    path = f"/payment-intents/{partner.created()['id']}/confirm"
    answers = at_once(200, lambda _: own_client(partner).post(path, key="K"))

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert any(answer.status_code == 200 for answer in answers)
    assert len(provider.created) == 1


def test_each_of_its_own_lets_one_of_many_confirmations_through(partner, provider):
    path = f"/payment-intents/{partner.created()['id']}/confirm"
    answers = at_once(60, lambda number: own_client(partner).post(path, key=f"K{number}"))

    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 59}
    assert len(provider.created) == 1
    with atomic(partner.scope):
        assert PaymentAttempt.objects.count() == 1


def test_of_a_confirmation_that_died_is_taken_up_without_a_second_call(
    partner, provider, monkeypatch, superuser
):
    """The process died after the attempt was committed; the client repeats its request a minute later."""
    intent = partner.created()
    path = f"/payment-intents/{intent['id']}/confirm"
    dying = "mpac.pgw.services.confirmation.dispatch_attempt"
    with monkeypatch.context() as patched:
        patched.setattr(dying, lambda **_: (_ for _ in ()).throw(SystemError("killed")))
        assert partner.post(path, key="K").status_code == 500
    assert partner.post(path, key="K").status_code == 409

    superuser.execute("UPDATE pgw.idempotency_keys SET locked_until = now() - interval '1 second'")
    answer = partner.post(path, key="K")
    assert (answer.status_code, answer.json()["status"]) == (200, "processing")
    assert provider.created == []
