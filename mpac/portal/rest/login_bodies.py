"""What the endpoints of signing in take."""

from typing import Annotated

import msgspec

from kernel.rest import Body
from mpac.portal.domain.login import Method
from mpac.portal.domain.roles import Role
from mpac.portal.models.password_rules import LONGEST

LONGEST_EMAIL = 254

Email = Annotated[
    str,
    msgspec.Meta(
        min_length=3, max_length=LONGEST_EMAIL, pattern=r"^\s*[^\s@\x00-\x1f]+@[^\s@\x00-\x1f]+\s*$"
    ),
]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST)]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern="^[A-Za-z0-9_-]+$")]
FactorCode = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
FactorName = Annotated[
    str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x20\x7f-\xa0\s][^\x00-\x1f\x7f-\x9f]*$")
]
MembershipId = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


class LogIn(Body):
    email: Email
    password: Password
    device_token: Token | None = None


class VerifyFactor(Body):
    mfa_token: Token
    method: Method
    code: FactorCode


class SendCode(Body):
    mfa_token: Token


class Enrol(Body):
    mfa_token: Token
    name: FactorName = "authenticator"


class Refresh(Body):
    refresh_token: Token


class Switch(Body):
    membership_id: MembershipId


class NewAuthenticator(Body):
    name: FactorName = "authenticator"


class ConfirmAuthenticator(Body):
    code: FactorCode


class ChangePassword(Body):
    current_password: Password
    new_password: Password


class RequestReset(Body):
    email: Email


class ConfirmReset(Body):
    reset_token: Token
    new_password: Password


class SetLoginPolicy(Body):
    required_roles: Annotated[list[Role], msgspec.Meta(max_length=20)]
    email_codes: bool
