"""Access tokens in another person's name: `act` says who really acts (RFC 8693 section 4.1), by which impersonation, and from
within which session: one that ends, as all but one do with a new password, takes these tokens with it.
"""

import datetime as dt
import uuid
from typing import Any

from joserfc import jwt

from kernel import ids
from kernel.audit import record
from kernel.errors import NotFound
from kernel.tenancy import Scope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain.authority import Person
from mpac.portal.domain.impersonations import TRANSITIONS, ImpersonationStatus, permitted
from mpac.portal.dto import AccessToken
from mpac.portal.errors import IllegalTransition, ImpersonationRefused
from mpac.portal.models import Impersonation
from mpac.portal.models.session import PREFIX as SESSION
from mpac.portal.selectors.authority import get_authority
from mpac.portal.selectors.people import get_impersonation
from mpac.portal.services.trust import trust_reader


def issue_impersonation_token(
    *, scope: Scope, by: Person, impersonation_id: uuid.UUID, now: dt.datetime
) -> AccessToken:
    """A token for who impersonates, with what both may do and nothing delicate.

    Raises NotFound, ImpersonationRefused when either has lost the rights for it, and IllegalTransition when it is not, or
    no longer, active.
    """
    target = get_authority(
        user_id=get_impersonation(scope=scope, impersonation_id=impersonation_id).target_id
    )
    with atomic(scope):
        # Whoever ends it waits for this token, and then refuses it.
        found: Impersonation = Impersonation.objects.select_for_update().get(id=impersonation_id)
        if found.impersonator_id != by.user_id:
            raise NotFound
        if not found.is_active(now):
            allowed = TRANSITIONS[ImpersonationStatus(found.status)]
            raise IllegalTransition(allowed=list(allowed))
        if by.impersonates or not target.grants or not by.authority.covers(target):
            raise ImpersonationRefused
        scopes = permitted(target.held_at(found.place), writes=found.writes)
        record(db, "impersonation.token_issued", found, after={"scope": sorted(scopes)}, now=now)
    lifetime_s = min(conf.IMPERSONATION_TOKEN_TTL_S, int((found.expires_at - now).total_seconds()))
    names = " ".join(sorted(scopes))
    return AccessToken(
        access_token=_sign(found, names, by=by, lifetime_s=lifetime_s, now=now),
        expires_in=lifetime_s,
        scope=names,
    )


def _sign(impersonation: Impersonation, scope: str, *, by: Person, lifetime_s: int, now: dt.datetime) -> str:
    signer = trust_reader.at(now).signer
    iat = int(now.timestamp())
    subject, actor = f"user:{impersonation.target_id}", f"user:{impersonation.impersonator_id}"
    store_id = impersonation.store_id
    claims: dict[str, Any] = {
        "iss": conf.issuer(),
        "sub": subject,
        "aud": conf.issuer(),
        "iat": iat,
        "nbf": iat,
        "exp": iat + lifetime_s,
        "jti": str(ids.uuid7(at=now)),
        "client_id": actor,
        "kind": "person",
        "psp_id": impersonation.psp_id,
        "merchant_id": impersonation.merchant_id,
        "store_ids": None if store_id is None else [store_id],
        "device_id": None,
        "scope": scope,
        "livemode": False,
        "act": {
            "sub": actor,
            "impersonation": impersonation.public_id,
            "sid": None if by.session_id is None else ids.encode(SESSION, by.session_id),
        },
    }
    header = {"alg": "ES256", "typ": "at+jwt", "kid": signer.kid}
    return jwt.encode(header, claims, signer.key, algorithms=["ES256"])
