"""The environment ..."""

import json

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.mark.parametrize(
    "keys",
    [
        {"sync": "a-text-instead-of-a-list"},
        {"sync": ["too-short"]},
        {"sync": [""]},
        {"sync": ["a-secret-that-is-long-enough", None]},
    ],
)
def test_refuses_service_keys_that_could_be_guessed(monkeypatch, keys):
    monkeypatch.setenv("MPAC_SERVICE_KEYS", json.dumps(keys))
    with pytest.raises(ImproperlyConfigured, match="sync"):
        env.service_keys()


def test_takes_two_secrets_while_one_is_being_replaced(monkeypatch):
    keys = {"sync": ["sync-test-secret", "the-secret-before"]}
    monkeypatch.setenv("MPAC_SERVICE_KEYS", json.dumps(keys))
    assert env.service_keys() == keys


def test_takes_amount_limits_per_currency_and_method(monkeypatch):
    monkeypatch.delenv("MPAC_AMOUNT_LIMITS", raising=False)
    assert env.amount_limits() == {}
    monkeypatch.setenv("MPAC_AMOUNT_LIMITS", '{"THB": 5, "THB:qr_code": 3}')
    assert env.amount_limits() == {"THB": 5, "THB:qr_code": 3}


@pytest.mark.parametrize(
    "limits", ['{"THB": 0}', '{"THB": -1}', '{"THB": "5"}', '{"THB": 1.5}', '{"THB": true}']
)
def test_refuses_amount_limits_that_are_no_minor_units(monkeypatch, limits):
    monkeypatch.setenv("MPAC_AMOUNT_LIMITS", limits)
    with pytest.raises(ImproperlyConfigured):
        env.amount_limits()
