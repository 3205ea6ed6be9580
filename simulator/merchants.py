"""The providers' dashboards: which merchant wants its events where, and with which secrets they are signed.

A merchant is known by the secret key it calls with. One that nobody has entered may call, but is told nothing.
"""

from pathlib import Path
from typing import Any

import msgspec

from simulator.answers import Refused

MAX_SECRETS = 2
MAX_TEXT = 500


class Merchant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of a dashboard. While secrets are rotated there are two, the newer one first."""

    provider: str
    key: str
    webhook_url: str
    webhook_secrets: tuple[str, ...] = ()
    options: dict[str, str] = {}


class Merchants:
    """All entries; with a path they outlive the process."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._entries: dict[tuple[str, str], Merchant] = {}
        if path and path.exists():
            entries = msgspec.json.decode(path.read_bytes(), type=list[Merchant])
            self._entries = {(entry.provider, entry.key): entry for entry in entries}

    def enter(self, body: dict[str, Any]) -> Merchant:
        """Make or replace an entry. Raises Refused."""
        try:
            entry = msgspec.convert(body, Merchant)
        except msgspec.ValidationError as error:
            raise Refused(str(error), code="merchant_refused") from None
        texts = (entry.provider, entry.key, entry.webhook_url, *entry.webhook_secrets)
        if not all(0 < len(text) <= MAX_TEXT for text in texts) or len(entry.webhook_secrets) > MAX_SECRETS:
            raise Refused("an entry has short texts and at most two secrets", code="merchant_refused")
        self._entries[entry.provider, entry.key] = entry
        if self._path:
            self._path.write_bytes(msgspec.json.encode(list(self._entries.values())))
        return entry

    def find(self, *, provider: str, key: str) -> Merchant | None:
        """The merchant that calls with this key."""
        return self._entries.get((provider, key))
