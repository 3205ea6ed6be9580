"""Access tokens of people (RFC 9068): what one of their roles may do, for fifteen minutes."""

import datetime as dt
from typing import Any

from joserfc import jwt

from kernel import ids
from mpac.portal import conf
from mpac.portal.models import Session
from mpac.portal.selectors.authority import Standing
from mpac.portal.services.trust import trust_reader


def issue_person_token(
    session: Session, standing: Standing, *, lifetime_s: int = conf.PERSON_TOKEN_TTL_S, now: dt.datetime
) -> str:
    """Sign an access token of a session; it speaks for one standing alone, and `sid` ends it with the session."""
    signer = trust_reader.at(now).signer
    iat = int(now.timestamp())
    subject = f"user:{session.user_id}"
    claims: dict[str, Any] = {
        "iss": conf.issuer(),
        "sub": subject,
        "aud": conf.issuer(),
        "iat": iat,
        "nbf": iat,
        "exp": iat + lifetime_s,
        "jti": str(ids.uuid7(at=now)),
        "client_id": subject,
        "kind": "person",
        "psp_id": standing.psp_id,
        "merchant_id": standing.merchant_id,
        "store_ids": None if standing.store_ids is None else list(standing.store_ids),
        "device_id": None,
        "scope": " ".join(sorted(standing.scopes)),
        "livemode": False,
        "sid": session.public_id,
        "act": None,
    }
    header = {"alg": "ES256", "typ": "at+jwt", "kid": signer.kid}
    return jwt.encode(header, claims, signer.key, algorithms=["ES256"])
