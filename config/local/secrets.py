"""The secrets of one local platform: made at random once, kept in its state directory, readable by its owner only."""

import base64
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FILE = "secrets.json"
KEK_BYTES = 32
SYNC_KEY_ID = "portal-sync"


@dataclass(kw_only=True)
class Secrets:
    """Everything a production deployment would take from its vault."""

    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(50))
    keks: dict[str, str] = field(default_factory=lambda: {"local-1": _key()})
    service_keys: dict[str, list[str]] = field(
        default_factory=lambda: {SYNC_KEY_ID: [secrets.token_urlsafe(32)]}
    )
    runtime_passwords: dict[str, str] = field(default_factory=dict)
    owner_passwords: dict[str, str] = field(default_factory=dict)

    def add_contexts(self, contexts: Iterable[str]) -> None:
        """Give every context that has none yet the passwords of its two database roles."""
        for context in contexts:
            for passwords in (self.runtime_passwords, self.owner_passwords):
                passwords.setdefault(context, secrets.token_urlsafe(24))


def load_or_create(state: Path, *, contexts: Iterable[str]) -> Secrets:
    """The secrets of `state`; what is missing is made and written, what exists never changes."""
    file = state / FILE
    known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    found = Secrets(**known)
    found.add_contexts(contexts)
    if asdict(found) != known:
        write_private(file, json.dumps(asdict(found), indent=2))
    return found


def write_private(file: Path, text: str) -> None:
    """Replace `file` in one step with `text`, mode 0600 from its first moment."""
    draft = file.with_name(f".{file.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text + "\n")
    draft.replace(file)


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(KEK_BYTES)).decode()
