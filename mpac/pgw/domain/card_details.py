"""What stands for a card: a provider's token, never the card's number; and where its holder comes back to afterwards."""

import re
from urllib.parse import urlsplit

from kernel.scrubbing import may_hide_card_number

# Adyen's form encrypts each field of a card for itself, about 700 characters each.
MAX_TOKEN = 4096
MAX_RETURN_URL = 1024
_PRINTABLE = re.compile(r"[!-~]+")
# Adyen names saved cards by such numbers. No card scheme has numbers that begin with an 8.
_NUMBER_OF_A_SAVED_CARD = re.compile(r"(?<![0-9])8[0-9]{15}(?![0-9])")


def is_payment_token(text: str) -> bool:
    """Whether a text may be a provider's token. One in which a card's number stands is none."""
    bare = _NUMBER_OF_A_SAVED_CARD.sub("-", text).replace("_", "-")
    return (
        len(text) <= MAX_TOKEN and _PRINTABLE.fullmatch(text) is not None and not may_hide_card_number(bare)
    )


def is_return_url(text: str) -> bool:
    """Whether a customer may be sent to this address: HTTPS, with a host and without credentials or a card's number."""
    if len(text) > MAX_RETURN_URL or not _PRINTABLE.fullmatch(text) or may_hide_card_number(text):
        return False
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme == "https" and bool(host) and "@" not in parts.netloc
