"""What the gateway has measured: how long an outcome has been open."""

import datetime as dt

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from kernel import clock, observations
from mpac.pgw import api
from mpac.pgw.adapters.port import Unknown
from mpac.pgw.errors import WebhookMalformed
from mpac.pgw.services.inbound import Delivery, receive_webhook
from tests.pgw.doubles import answers
from tests.pgw.partners import Sent, endpoint, fill, send

RESULTS = ("applied", "repeated", "parked", "refused")


def open_outcome_s(now) -> float:
    text = observations.render(api.observations(), now=now).decode()
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return samples["mpac_open_outcome_seconds"]


def test_an_outcome_that_nobody_knows_grows_old(gateway, provider):
    provider.on_create.append(answers(Unknown(code="timeout", message="")))
    gateway.shown()
    assert open_outcome_s(gateway.later(301)) == pytest.approx(301)


def test_a_known_outcome_has_no_age(gateway):
    gateway.shown()
    assert open_outcome_s(gateway.later(301)) == 0


def figures(now) -> dict[tuple[str, ...], float]:
    """All measured figures by name and labels."""
    text = observations.render(api.observations(), now=now).decode()
    return {
        (
            sample.name,
            *(value for name, value in sorted(sample.labels.items()) if name != "context"),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_unknown_charges_are_counted_by_provider_with_the_age_of_the_oldest(gateway, provider):
    provider.on_create += [answers(Unknown(code="timeout", message=""))] * 2
    gateway.shown()
    gateway.shown()
    gateway.shown()
    found = figures(gateway.later(40))
    assert found["mpac_unknown_attempts", "fake"] == 2
    assert found["mpac_unknown_attempt_age_seconds", "fake"] == pytest.approx(40)


def test_deliveries_grow_old_until_an_endpoint_takes_them(gateway, superuser):
    now = clock.now()
    made = endpoint(now=now)
    fill(3, [made], now=now)
    later = now + dt.timedelta(hours=2)
    found = figures(later)
    assert found["mpac_partner_deliveries_pending",] == 3
    assert found["mpac_partner_delivery_age_seconds",] == pytest.approx(7200, abs=5)
    superuser.execute(
        "UPDATE pgw.webhook_endpoints SET status = 'disabled', disabled_because = 'failing', disabled_at = now()"
    )
    assert figures(later)["mpac_partner_delivery_age_seconds",] == 0
    assert figures(later)["mpac_partner_endpoints_given_up",] == 1
    superuser.execute("UPDATE pgw.webhook_endpoints SET status = 'enabled', disabled_because = NULL")
    send(Sent(), now=later)
    assert figures(later)["mpac_partner_deliveries_pending",] == 0


def test_charges_refunds_notices_and_calls_are_counted_by_what_became_of_them(gateway, provider):
    def counted(name, **labels):
        return REGISTRY.get_sample_value(name, labels) or 0

    charged = {"provider": "fake", "method": "qr_code", "status": "captured"}
    before = counted("mpac_payment_attempts_total", **charged)
    results = {
        result: counted("mpac_webhooks_received_total", provider="fake", result=result) for result in RESULTS
    }
    intent = gateway.shown()
    key = gateway.attempt(intent).provider_key
    notice = provider.notice(key, gateway.pay(intent))
    for body in (notice, notice, provider.notice("nobody", "R1")):
        receive_webhook(delivery=Delivery(provider="fake", headers={}, body=body), now=gateway.now)
    with pytest.raises(WebhookMalformed):
        receive_webhook(delivery=Delivery(provider="fake", headers={}, body=b"{"), now=gateway.now)
    assert counted("mpac_payment_attempts_total", **charged) == before + 1
    assert {
        result: counted("mpac_webhooks_received_total", provider="fake", result=result) - results[result]
        for result in RESULTS
    } == {"applied": 1, "repeated": 1, "parked": 1, "refused": 1}
