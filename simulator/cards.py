"""The cards behind the tokens: what their banks say is in the token's name."""

from dataclasses import dataclass
from typing import Literal

# A word in the token and the decline that the card's bank answers with.
_DECLINES = {
    "insufficientfunds": "insufficient_funds",
    "insufficient_fund": "insufficient_funds",
    "expiredcard": "expired_card",
    "declined": "generic_decline",
}
_CHALLENGES = ("authenticationrequired", "threedsecure", "3ds")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether the card's bank pays: at once, never, or after the holder has proved who they are."""

    kind: Literal["approved", "declined", "challenged"]
    code: str = ""


def judge(token: str) -> Verdict:
    """What the bank of the card behind `token` says."""
    name = token.lower()
    for word, code in _DECLINES.items():
        if word in name:
            return Verdict(kind="declined", code=code)
    if any(word in name for word in _CHALLENGES):
        return Verdict(kind="challenged")
    return Verdict(kind="approved")
