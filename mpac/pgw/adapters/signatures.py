"""What the checks of signed callbacks have in common: headers by name, freshness on both sides, two secrets, constant time."""

import datetime as dt
import hmac
from collections.abc import Iterable, Mapping

from mpac.pgw.adapters.port import ProviderAccount
from mpac.pgw.errors import WebhookRefused

TOLERANCE_S = 300
SECRETS = ("webhook_secret", "webhook_secret_previous")
_MAX_EPOCH_DIGITS = 12


def find_header(headers: Mapping[str, str], name: str) -> str:
    """A header by its name in any case, or an empty text."""
    wanted = name.lower()
    return next((value for key, value in headers.items() if key.lower() == wanted), "")


def webhook_secrets(account: ProviderAccount | None) -> list[str]:
    """The secrets in force, the newer one first. Raises WebhookRefused when there are none to check with."""
    known = [account.credentials.get(name, "") for name in SECRETS] if account else []
    secrets = [secret for secret in known if secret]
    if not secrets:
        raise WebhookRefused
    return secrets


def check_freshness(epoch: str, *, now: dt.datetime) -> None:
    """Raises WebhookRefused for a time of signing that is no time, too old, or in the future."""
    if not (epoch.isascii() and epoch.isdigit()) or len(epoch) > _MAX_EPOCH_DIGITS:
        raise WebhookRefused
    if abs(int(epoch) - now.timestamp()) > TOLERANCE_S:
        raise WebhookRefused


def check_any(expected: Iterable[str], *, given: Iterable[str]) -> None:
    """Raises WebhookRefused unless one given signature is an expected one; compares all of them, in constant time."""
    offered = [each.encode() for each in given]
    matches = [hmac.compare_digest(own.encode(), other) for own in expected for other in offered]
    if not any(matches):
        raise WebhookRefused
