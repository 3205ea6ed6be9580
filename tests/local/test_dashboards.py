"""What a merchant enters in its simulated providers' dashboards..."""

import json

import pytest

from config.local import dashboards
from config.local.errors import StepFailed
from config.local.processes import free_port

SECRETS = {"stripe": {"secret_key": "sk_test_1", "webhook_secret": "whsec_1"}, "manual": {}}


def test_is_the_address_of_its_own_account_and_the_secret_that_notices_are_signed_with():
    wallet = {"paypay": {"api_key": "a", "api_secret": "b", "merchant_id": "m"}}
    addresses = {
        "7": {"stripe": "http://h/stripe/1", "paypay": "http://h/paypay/2", "manual": "http://h/m/3"}
    }
    providers = {"store_id": 7, "credentials": SECRETS | wallet}
    assert dashboards.entries(providers, addresses=addresses) == [
        {
            "provider": "stripe",
            "key": "sk_test_1",
            "webhook_url": "http://h/stripe/1",
            "webhook_secrets": ["whsec_1"],
            "options": {},
        },
        {
            "provider": "paypay",
            "key": "m",
            "webhook_url": "http://h/paypay/2",
            "webhook_secrets": [],
            "options": {"api_key": "a", "api_secret": "b"},
        },
    ]


def test_is_missed_when_there_is_nobody_to_take_it(tmp_path):
    file = tmp_path / "merchants.json"
    file.write_text(json.dumps([{"provider": "stripe"}]))
    with pytest.raises(StepFailed, match="stripe"):
        dashboards.enter(file, simulator_url=f"http://127.0.0.1:{free_port()}")
