"""The hash chain: each record's digest covers the record and the digest before it.

Whoever changes, removes or inserts a record in the middle has to rewrite everything after it, and then the head, which is
noted in places of its own. The digest is SHA-256 over canonical JSON (RFC 8785's idea: sorted keys, no white space), so that
anybody with the exported rows can check it without this code.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

# What stands before the first record of every chain.
GENESIS = "0" * 64


def digest_of(record: Mapping[str, Any], *, previous: str) -> str:
    """The digest of a record of plain JSON values that follows the one with digest `previous`."""
    canonical = json.dumps(
        {**record, "previous_digest": previous}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()
