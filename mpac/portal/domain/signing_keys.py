"""The life of a token-signing key.

    next -> active -> retiring -> retired

A key is published before it signs and verifies after it has stopped, so no valid token is ever refused. A key that
leaked goes straight to retired.
"""

from enum import StrEnum


class SigningKeyState(StrEnum):
    """What a key is used for."""

    NEXT = "next"  # published, does not sign yet
    ACTIVE = "active"  # signs; there is exactly one
    RETIRING = "retiring"  # signs no more, still verifies
    RETIRED = "retired"  # trusted no more


TRANSITIONS: dict[SigningKeyState, frozenset[SigningKeyState]] = {
    SigningKeyState.NEXT: frozenset({SigningKeyState.ACTIVE, SigningKeyState.RETIRED}),
    SigningKeyState.ACTIVE: frozenset({SigningKeyState.RETIRING, SigningKeyState.RETIRED}),
    SigningKeyState.RETIRING: frozenset({SigningKeyState.RETIRED}),
    SigningKeyState.RETIRED: frozenset(),
}

PUBLISHED = (SigningKeyState.NEXT, SigningKeyState.ACTIVE, SigningKeyState.RETIRING)
