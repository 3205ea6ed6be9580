"""Invitations: how a person comes to a role, and the secret in the link that they are sent."""

import hashlib
import hmac
import secrets
from enum import StrEnum

SECRET_BYTES = 32


class InvitationStatus(StrEnum):
    """Where an invitation stands. One that nobody took in time stays pending and is past its time."""

    PENDING = "pending"  # sent, or about to be
    ACCEPTED = "accepted"  # the person has the role
    WITHDRAWN = "withdrawn"  # its link leads nowhere any more


TRANSITIONS: dict[InvitationStatus, frozenset[InvitationStatus]] = {
    InvitationStatus.PENDING: frozenset({InvitationStatus.ACCEPTED, InvitationStatus.WITHDRAWN}),
    InvitationStatus.ACCEPTED: frozenset(),
    InvitationStatus.WITHDRAWN: frozenset(),
}


def new_secret() -> str:
    """A fresh secret of 256 bits, as it stands in a link."""
    return secrets.token_urlsafe(SECRET_BYTES)


def hash_secret(secret: str, *, pepper: str) -> str:
    """What is stored of a secret: a keyed hash, so that a copy of the table alone lets nobody in."""
    return hmac.new(pepper.encode(), b"portal.invitation:" + secret.encode(), hashlib.sha256).hexdigest()
