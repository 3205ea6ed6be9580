"""PayPay's authorization of a call: an HMAC over the path, the method, the moment and a digest of the body.

The path is signed without host and query, the content type exactly as it is sent, and there is no line feed at the end.
"""

import base64
import hmac
from dataclasses import dataclass, field
from hashlib import md5, sha256

_EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """An account's key pair."""

    key: str
    secret: str = field(repr=False)

    def authorization(
        self, *, method: str, path: str, body: bytes | None, content_type: str, nonce: str, epoch: int
    ) -> str:
        """The value of the Authorization header."""
        kind = content_type if body else _EMPTY
        digest = _digest(kind, body) if body else _EMPTY
        message = "\n".join([path, method, nonce, str(epoch), kind, digest])
        signature = _text(hmac.new(self.secret.encode(), message.encode(), sha256).digest())
        return f"hmac OPA-Auth:{self.key}:{signature}:{nonce}:{epoch}:{digest}"


def _digest(kind: str, body: bytes) -> str:
    return _text(md5(kind.encode() + body, usedforsecurity=False).digest())


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
