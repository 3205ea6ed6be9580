"""Public keys of terminals: EC P-256 only, known by their RFC 7638 thumbprint."""

import re
from collections.abc import Mapping

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from kernel.errors import FieldError
from mpac.portal.errors import InvalidPublicKey

_COORDINATE = re.compile(r"[A-Za-z0-9_-]{43}")
MAX_KID_LENGTH = 128


def public_jwk(jwk: Mapping[str, object]) -> dict[str, str]:
    """The canonical public JWK of a P-256 key, with `kid`: the key's own if it has one, else its thumbprint.

    Raises InvalidPublicKey for another kind of key, a point that is not on the curve, or a private key.
    """
    if "d" in jwk:
        raise _refused("d", "private_key", "this is a private key; it must never leave the terminal")
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        raise _refused("kty", "unsupported_key", "kty must be EC and crv P-256")
    coordinates = {name: jwk.get(name) for name in ("x", "y")}
    for name, value in coordinates.items():
        if not isinstance(value, str) or not _COORDINATE.fullmatch(value):
            raise _refused(name, "malformed", "32 bytes in base64url without padding")
    kid = jwk.get("kid")
    if kid is not None and not (
        isinstance(kid, str) and 0 < len(kid) <= MAX_KID_LENGTH and kid.isprintable()
    ):
        raise _refused("kid", "malformed", f"1-{MAX_KID_LENGTH} printable characters")
    bare = {"kty": "EC", "crv": "P-256", "x": str(coordinates["x"]), "y": str(coordinates["y"])}
    return {**bare, "kid": str(kid) if kid is not None else thumbprint(bare), "use": "sig", "alg": "ES256"}


def thumbprint(jwk: Mapping[str, str]) -> str:
    """The RFC 7638 thumbprint. Raises InvalidPublicKey when the point is not on the curve."""
    return key_of(jwk).thumbprint()


def key_of(jwk: Mapping[str, str]) -> ECKey:
    """The key object of a public or private JWK. Raises InvalidPublicKey when the point is not on the curve."""
    try:
        key = ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y", "d") if name in jwk})
        _ = key.public_key
    except (JoseError, ValueError, TypeError):
        raise _refused("x", "not_on_curve", "not a point of P-256") from None
    return key


def _refused(field: str, code: str, message: str) -> InvalidPublicKey:
    return InvalidPublicKey(errors=[FieldError(f"public_jwk.{field}", code, message)])
