"""The adapters that this deployment knows, by provider name."""

import uuid

from mpac.pgw.adapters.adyen.adapter import AdyenAdapter
from mpac.pgw.adapters.kbank.adapter import KBankAdapter
from mpac.pgw.adapters.manual.adapter import ManualAdapter
from mpac.pgw.adapters.omise.adapter import OmiseAdapter
from mpac.pgw.adapters.paypal.adapter import PayPalAdapter
from mpac.pgw.adapters.paypay.adapter import PayPayAdapter
from mpac.pgw.adapters.port import Adapter, WebhookTrust
from mpac.pgw.adapters.scb.adapter import ScbAdapter
from mpac.pgw.adapters.stripe.adapter import StripeAdapter
from mpac.pgw.domain.keys import KEY_LENGTH, provider_key


class AdapterRefused(TypeError):
    """The adapter cannot be registered: it lacks what the gateway cannot do without."""


_adapters: dict[str, Adapter] = {}


def register(adapter: Adapter) -> None:
    """Make `adapter` known.

    Raises AdapterRefused unless a callback can be checked, by signature or by asking, and what it holds can be let go.
    """
    if not callable(getattr(adapter, "read_webhook", None)):
        message = f"{adapter.name} has no webhook check"
        raise AdapterRefused(message)
    if adapter.capabilities.webhook_trust is WebhookTrust.HINT and not adapter.capabilities.probe:
        message = f"{adapter.name}'s callbacks are unsigned and it cannot be asked"
        raise AdapterRefused(message)
    if adapter.capabilities.manual_capture and not adapter.capabilities.void:
        message = f"{adapter.name} holds money and never lets held money go"
        raise AdapterRefused(message)
    _adapters[adapter.name] = adapter


def find_adapter(name: str) -> Adapter | None:
    """The adapter of a provider, or None when there is none."""
    return _adapters.get(name)


def key_at(provider: str, made_for: uuid.UUID) -> str:
    """Our key of an attempt, a capture or a refund at a provider, as long as it may be there."""
    adapter = find_adapter(provider)
    return provider_key(made_for, length=adapter.capabilities.key_length if adapter else KEY_LENGTH)


def list_adapters() -> tuple[Adapter, ...]:
    """All adapters, in the order of their names."""
    return tuple(_adapters[name] for name in sorted(_adapters))


register(AdyenAdapter())
register(KBankAdapter())
register(ManualAdapter())
register(OmiseAdapter())
register(PayPalAdapter())
register(PayPayAdapter())
register(ScbAdapter())
register(StripeAdapter())
