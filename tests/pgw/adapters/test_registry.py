"""The registry ..."""

import dataclasses

import pytest

from mpac.pgw.adapters import registry
from mpac.pgw.adapters.port import WebhookTrust
from tests.pgw.doubles import FakeAdapter


class WithoutWebhookCheck(FakeAdapter):
    name = "careless"
    read_webhook = None


class Unaskable(FakeAdapter):
    name = "unaskable"
    capabilities = dataclasses.replace(FakeAdapter.capabilities, probe=False)


class SignedAndUnaskable(FakeAdapter):
    name = "signed"
    capabilities = dataclasses.replace(
        FakeAdapter.capabilities, probe=False, webhook_trust=WebhookTrust.SIGNED
    )


class Clinging(FakeAdapter):
    name = "clinging"
    capabilities = dataclasses.replace(FakeAdapter.capabilities, manual_capture=True)


@pytest.mark.parametrize("adapter", [WithoutWebhookCheck(), Unaskable(), Clinging()])
def test_refuses_an_adapter_that_cannot_tell_a_forged_callback_or_let_held_money_go(adapter):
    with pytest.raises(registry.AdapterRefused):
        registry.register(adapter)
    assert registry.find_adapter(adapter.name) is None


def test_takes_an_adapter_whose_callbacks_are_signed():
    registry.register(SignedAndUnaskable())
    assert registry.find_adapter("signed") is not None
    registry._adapters.pop("signed")


def test_lists_the_providers_by_name():
    names = [adapter.name for adapter in registry.list_adapters()]
    assert names == sorted(names)
    assert {"omise", "scb", "stripe"} <= set(names)
