"""A partner's webhook ..."""

import base64
import datetime as dt
import itertools

import pytest

from kernel import events as registry
from mpac.pgw import events
from mpac.pgw.domain import partner_events
from mpac.pgw.domain.partner_webhooks import (
    STEPS,
    WINDOW,
    headers,
    new_secret,
    next_try_at,
    sign,
)

# The reference vector of the Standard Webhooks libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = {
    "message_id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "timestamp": 1614265330,
    "body": b'{"test": 2432232314}',
}
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
START = dt.datetime(2026, 11, 21, 7, tzinfo=dt.UTC)


def test_is_signed_as_the_standard_says():
    assert sign(SECRET, **MESSAGE) == SIGNATURE


def test_carries_a_signature_for_each_valid_secret():
    other = new_secret()
    made = headers([other, SECRET], **MESSAGE)
    assert made == {
        "webhook-id": MESSAGE["message_id"],
        "webhook-timestamp": "1614265330",
        "webhook-signature": f"{sign(other, **MESSAGE)} {SIGNATURE}",
    }


def test_has_secrets_that_nobody_guesses():
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in made} == {32}


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
def test_is_tried_ever_later_for_72_hours_and_a_last_time_at_their_end(spread):
    now, expires_at, instants = START, START + WINDOW, [START]
    while following := next_try_at(tries=len(instants), expires_at=expires_at, spread=spread, now=now):
        assert following > now
        now = following
        instants.append(now)
    pauses = [(b - a).total_seconds() for a, b in itertools.pairwise(instants)]
    assert instants[-1] == expires_at
    assert pauses[:-1] == sorted(pauses[:-1])
    assert pauses[0] <= 6
    assert len(STEPS) + 5 <= len(instants) <= len(STEPS) + 12


def test_comes_back_at_different_instants_after_a_common_failure():
    found = {next_try_at(tries=3, expires_at=START + WINDOW, spread=n / 10, now=START) for n in range(11)}
    assert len(found) == 11


def test_tells_of_every_event_of_the_gateway():
    """A new event that partners are not to hear of is entered here."""
    own = {kind for name, kind in registry.registered().items() if name.startswith("pgw.")}
    assert own - set(partner_events.TOLD) == {
        events.IntentFact,
        events.RefundFact,
        events.DisputeFact,
    }
    assert len(partner_events.TYPES) == len(partner_events.TOLD)


def test_speaks_of_amounts_as_the_api_does():
    event = events.LatePaymentReceived(
        aggregate_id="pi_x",
        psp_id=1,
        merchant_id=2,
        store_id=3,
        intent_id="pi_x",
        status="expired",
        amount_minor=12550,
        currency="THB",
        source="api",
        received_minor=12551,
        received_currency="THB",
        livemode=True,
    )
    data = partner_events.data_of(event)
    assert (data["amount"], data["received"], data["intent_id"]) == (12550, 12551, "pi_x")
    assert not set(data) & {"psp_id", "livemode", "aggregate_id", "amount_minor"}
