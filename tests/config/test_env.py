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


@pytest.mark.parametrize(
    "limits",
    [{"THB": 5}, {"THB": [5]}, {"THB": [5, 4]}, {"THB": [0, 4]}, {"THB": [1, "4"]}, {"THB": [True, 4]}],
)
def test_refuses_limits_of_amounts_that_make_no_sense(monkeypatch, limits):
    monkeypatch.setenv("MPAC_AMOUNT_LIMITS", json.dumps(limits))
    with pytest.raises(ImproperlyConfigured):
        env.amount_limits()


def test_takes_limits_of_amounts_by_currency_and_method(monkeypatch):
    monkeypatch.setenv("MPAC_AMOUNT_LIMITS", json.dumps({"THB": [1, 50], "THB/qr_code": [2, 40]}))
    assert env.amount_limits() == {"THB": (1, 50), "THB/qr_code": (2, 40)}
