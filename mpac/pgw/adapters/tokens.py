"""Access tokens of accounts, kept until shortly before their end."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from mpac.pgw.adapters.forms import FORM, encode_form
from mpac.pgw.adapters.http import NOT_CONFIGURED, Answer, Failure

# A token is given up this long before its end, so that no call starts with one that dies on the way.
TOKEN_MARGIN_S = 60.0
GRANT_FORM = encode_form({"grant_type": "client_credentials"})


class Grant(msgspec.Struct):
    """A provider's word about a token."""

    access_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class Account:
    """Whose a token is. The id alone is no proof of who asks: without its secret nobody gets another's token."""

    address: str
    id: str
    secret: str

    def basic_headers(self) -> dict[str, str]:
        """What asks for a token by OAuth's client credentials, together with `GRANT_FORM`."""
        pair = base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()
        return {"authorization": f"Basic {pair}", "content-type": FORM}


class Tokens:
    """The tokens of any number of accounts. Safe to share between threads and across forks."""

    def __init__(self) -> None:
        self._known: dict[Account, tuple[str, float]] = {}

    def token(self, account: Account, *, fresh: bool, ask: Callable[[], Grant | Failure]) -> str | Failure:
        """A token; unless it must be fresh, the one that is known."""
        if not account.address:
            return NOT_CONFIGURED
        text, ends_at = self._known.get(account, ("", 0.0))
        if text and not fresh and ends_at > time.monotonic():
            return text
        grant = ask()
        if isinstance(grant, Failure):
            return grant
        lives_s = max(grant.expires_in - TOKEN_MARGIN_S, grant.expires_in / 2)
        self._known[account] = (grant.access_token, time.monotonic() + lives_s)
        return grant.access_token


def read_grant(answer: Answer | Failure) -> Grant | Failure:
    """What OAuth answers. Whatever goes wrong here, the call that needs the token was never sent."""
    if isinstance(answer, Failure):
        return Failure("never_sent", f"token_{answer.code}", answer.message)
    if answer.status != HTTPStatus.OK:
        return Failure("never_sent", f"token_http_{answer.status}", "The provider gives no access token.")
    try:
        return msgspec.json.decode(answer.body, type=Grant, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Failure("never_sent", "token_garbled", "The provider's access token cannot be read.")
