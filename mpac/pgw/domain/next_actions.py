"""What a customer may have to do before money moves: `type` says which form it has, and with that which other fields.

An adapter turns what its provider says into one of these; everybody above carries it unread to whoever shows it.
"""

import datetime as dt
from typing import Any

from kernel.clock import rfc3339

FORMS: dict[str, tuple[str, ...]] = {
    "display_qr": ("qr_payload", "expires_at"),  # a text to draw as a code
    "display_image": ("image_url", "expires_at"),  # the provider's own picture of a code, to show as it is
    "redirect_to_url": (
        "url",
    ),  # a page of the provider or of the card's bank; it leads back to `return_url`
    "use_provider_sdk": (
        "provider",
        "client_secret",
    ),  # for pages with the provider's own script and no `return_url`
    "bank_transfer": ("reference", "amount", "currency", "expires_at"),  # and what is known of the account
}
DESCRIPTION = "What the customer has to do, by `type`: " + "; ".join(
    f"`{name}` has {', '.join(fields)}" for name, fields in FORMS.items()
)


def display_qr(payload: str, *, until: dt.datetime) -> dict[str, Any]:
    """Draw this text as a code."""
    return {"type": "display_qr", "qr_payload": payload, "expires_at": rfc3339(until)}


def display_image(url: str, *, until: dt.datetime) -> dict[str, Any]:
    """Show this picture of a code."""
    return {"type": "display_image", "image_url": url, "expires_at": rfc3339(until)}


def redirect_to_url(url: str) -> dict[str, Any]:
    """Send the customer to this page."""
    return {"type": "redirect_to_url", "url": url}
