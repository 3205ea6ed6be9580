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
