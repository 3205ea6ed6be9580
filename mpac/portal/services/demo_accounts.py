"""The demonstration store that is known to every provider, for payments that name one.

Its provider accounts are made up; the simulator knows every merchant that calls.
"""

import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kernel.tenancy import SystemScope
from mpac.portal.db import atomic
from mpac.portal.models import ProviderConfig
from mpac.portal.services.provider_configs import create_provider_config, update_provider_config

SCOPE = SystemScope("seed")
RETURN_URL = "https://shop.mpac.example/back"


def _hexadecimal() -> str:
    return secrets.token_hex(16)


def _base64() -> str:
    return secrets.token_hex(24)  # hexadecimal digits in fours are base64, too


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """How a store is known to a provider, and how each of its credentials is made."""

    fields: Mapping[str, str]
    credentials: Mapping[str, Callable[[], str]]


ACCOUNTS: Mapping[str, _Account] = {
    "adyen": _Account(
        fields={"merchant_account": "MpacDemoStore", "return_url": RETURN_URL},
        credentials={"api_key": lambda: f"AQE{_hexadecimal()}", "webhook_secret": _hexadecimal},
    ),
    "kbank": _Account(
        fields={"merchant_id": "KB000000000001", "terminal_id": "TERM0001"},
        credentials={
            "consumer_id": _hexadecimal,
            "consumer_secret": _hexadecimal,
            "partner_id": lambda: secrets.token_hex(5).upper(),
            "partner_secret": _hexadecimal,
        },
    ),
    "manual": _Account(
        fields={
            "bank_name": "Siam Demo Bank",
            "branch": "Ari",
            "account_name": "Baan Noodle House",
            "account_number": "000-0-00000-0",
        },
        credentials={},
    ),
    "omise": _Account(
        fields={"return_url": RETURN_URL, "partial_capture": "yes"},
        credentials={"secret_key": lambda: f"skey_test_{_hexadecimal()}", "webhook_secret": _base64},
    ),
    "paypal": _Account(
        fields={"return_url": RETURN_URL},
        credentials={
            "client_id": _hexadecimal,
            "client_secret": _hexadecimal,
            "webhook_secret": _hexadecimal,  # the id of the webhook
        },
    ),
    "paypay": _Account(
        fields={},
        credentials={"api_key": _hexadecimal, "api_secret": _hexadecimal, "merchant_id": _hexadecimal},
    ),
    "scb": _Account(
        fields={"biller_id": "010556000000002"},
        credentials={"api_key": _hexadecimal, "api_secret": _hexadecimal},
    ),
    "stripe": _Account(
        fields={"return_url": RETURN_URL, "billing_email": "till@mpac.example"},
        credentials={
            "secret_key": lambda: f"sk_test_{_hexadecimal()}",
            "webhook_secret": lambda: f"whsec_{_hexadecimal()}",
        },
    ),
}


def seed_accounts(*, known: Mapping[str, Any], store_id: int, now: dt.datetime) -> dict[str, dict[str, str]]:
    """The store's credentials by provider: those that are known, or, where they were lost, new ones."""
    with atomic(SCOPE):
        there = set(ProviderConfig.objects.filter(store_id=store_id).values_list("provider", flat=True))
    found: dict[str, dict[str, str]] = {}
    for provider, account in ACCOUNTS.items():
        kept = known.get(provider)
        if provider in there and isinstance(kept, dict) and kept.keys() == account.credentials.keys():
            found[provider] = kept
            continue
        found[provider] = {name: make() for name, make in account.credentials.items()}
        write = update_provider_config if provider in there else create_provider_config
        write(
            scope=SCOPE,
            store_id=store_id,
            provider=provider,
            account=account.fields,
            credentials=found[provider],
            now=now,
        )
    return found
