"""What a merchant enters in the dashboards of its providers, here the simulated ones: where notices go, and their secrets."""

import json
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from config.local.errors import StepFailed

# The credential that names the merchant to its provider. The others have no dashboard here.
MERCHANT_KEYS = {
    "adyen": "api_key",
    "kbank": "partner_id",
    "omise": "secret_key",
    "paypal": "client_id",
    "paypay": "merchant_id",
    "stripe": "secret_key",
}
# What a provider checks its merchant's own calls with.
OPTIONS = {"kbank": ("partner_secret",), "paypal": ("client_secret",), "paypay": ("api_key", "api_secret")}
TIMEOUT_S = 5.0


def entries(
    providers: Mapping[str, Any], *, addresses: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """The entries of the store that `providers` of the demo file describes."""
    urls = addresses[str(providers["store_id"])]
    return [
        {
            "provider": provider,
            "key": credentials[MERCHANT_KEYS[provider]],
            "webhook_url": urls[provider],
            "webhook_secrets": [credentials["webhook_secret"]] if "webhook_secret" in credentials else [],
            "options": {name: credentials[name] for name in OPTIONS.get(provider, ())},
        }
        for provider, credentials in providers["credentials"].items()
        if provider in MERCHANT_KEYS
    ]


def enter(merchants_file: Path, *, simulator_url: str) -> None:
    """Make the entries in the simulator; making them again changes nothing. Raises StepFailed."""
    merchants: Sequence[dict[str, Any]] = json.loads(merchants_file.read_text())
    for merchant in merchants:
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{simulator_url}/__merchants",
            data=json.dumps(merchant).encode(),
            headers={"content-type": "application/json"},
        )
        try:
            urllib.request.urlopen(request, timeout=TIMEOUT_S).close()  # noqa: S310 - the same
        except OSError as error:
            raise StepFailed(
                f"The simulator does not take the merchant at {merchant['provider']}: {error}"
            ) from None
