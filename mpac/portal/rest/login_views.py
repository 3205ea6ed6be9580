"""What the endpoints of signing in answer."""

import datetime as dt
import uuid
from typing import Literal

from msgspec import UNSET, UnsetType

from kernel.clock import rfc3339
from kernel.rest import Instant, View
from mpac.portal.domain.roles import Role
from mpac.portal.domain.second_factors import Policy
from mpac.portal.models import Authenticator, LoginPolicy, Membership, Session
from mpac.portal.services.authenticators import Confirmed
from mpac.portal.services.login import FactorNeeded
from mpac.portal.services.people import NewAuthenticator
from mpac.portal.services.sessions import SignedIn


class SessionMembershipView(View):
    """What a session can speak for: one role at one place. The current one also reaches stores of its merchant where the
    person holds no less.
    """

    membership_id: int
    role: str
    psp_id: int | None
    merchant_id: int | None
    store_id: int | None
    current: bool


class SignedInView(View):
    """Tokens of a session. `device_token` is given to a new device, which sends it when it signs in again."""

    access_token: str
    expires_in: int
    session_id: str
    memberships: list[SessionMembershipView]
    refresh_token: str | UnsetType = UNSET
    device_token: str | UnsetType = UNSET
    recovery_codes: list[str] | UnsetType = UNSET
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  (a word of RFC 6750)


class LogInView(View):
    """Tokens, or `mfa_required` with what is needed: a code of one of `methods`; where there is none, `enrol` says that an
    authenticator must be set up first.
    """

    mfa_required: bool
    mfa_token: str | UnsetType = UNSET
    methods: list[str] | UnsetType = UNSET
    enrol: bool | UnsetType = UNSET
    access_token: str | UnsetType = UNSET
    token_type: str | UnsetType = UNSET
    expires_in: int | UnsetType = UNSET
    session_id: str | UnsetType = UNSET
    memberships: list[SessionMembershipView] | UnsetType = UNSET
    refresh_token: str | UnsetType = UNSET
    device_token: str | UnsetType = UNSET


class CodeSentView(View):
    """For how long the code counts that was sent."""

    expires_in: int


class SessionView(View):
    """Where somebody is signed in. `device` is what the program says it is."""

    id: str
    created_at: Instant
    entrance: str
    device: str
    address: str
    method: str | None
    last_used_at: Instant
    expires_at: Instant
    ended_at: Instant | None
    current: bool
    object: Literal["session"] = "session"


class AuthenticatorView(View, kw_only=True):
    id: int
    created_at: Instant
    name: str
    confirmed: bool
    last_used_at: Instant | None
    object: Literal["authenticator"] = "authenticator"


class NewAuthenticatorView(AuthenticatorView, kw_only=True):
    """With the secret, which is shown this once: by itself, and as apps read it from a QR code."""

    secret: str
    otpauth_uri: str


class ConfirmedAuthenticatorView(AuthenticatorView, kw_only=True):
    """With recovery codes, which are shown this once, where there were none."""

    recovery_codes: list[str] | UnsetType = UNSET


class RecoveryCodesView(View):
    """A person's recovery codes, shown this once."""

    id: int
    created_at: Instant
    recovery_codes: list[str]
    object: Literal["recovery_codes"] = "recovery_codes"


class DoneView(View):
    """Whatever there was to do is done."""

    done: bool = True


class ResetDoneView(View):
    """The password is another one; sign in with it. The device counts as known."""

    device_token: str


class LoginPolicyView(View):
    """What a PSP asks of sign-ins. A PSP has one, so it goes by the PSP's id."""

    id: int
    psp_id: int
    created_at: Instant | None
    updated_at: Instant | None
    required_roles: list[str]
    email_codes: bool
    object: Literal["login_policy"] = "login_policy"


def membership(held: Membership, *, current: int | None) -> SessionMembershipView:
    """A membership as a session can speak for it."""
    return SessionMembershipView(
        membership_id=held.pk,
        role=held.role,
        psp_id=held.psp_id,
        merchant_id=held.merchant_id,
        store_id=held.store_id,
        current=held.pk == current,
    )


def signed_in(found: SignedIn) -> SignedInView:
    """The tokens of a session."""
    return SignedInView(
        access_token=found.access_token,
        expires_in=found.expires_in,
        session_id=found.session.public_id,
        memberships=[membership(held, current=found.session.membership_id) for held in found.memberships],
        refresh_token=found.refresh_token or UNSET,
        device_token=found.device_token or UNSET,
        recovery_codes=list(found.recovery_codes) or UNSET,
    )


def log_in(found: SignedIn | FactorNeeded) -> LogInView:
    """What came of an address and a password."""
    if isinstance(found, FactorNeeded):
        return LogInView(
            mfa_required=True,
            mfa_token=found.challenge_token,
            methods=[method.value for method in found.demand.methods],
            enrol=found.challenge.enrols or UNSET,
        )
    tokens = signed_in(found)
    return LogInView(
        mfa_required=False,
        access_token=tokens.access_token,
        token_type=tokens.token_type,
        expires_in=tokens.expires_in,
        session_id=tokens.session_id,
        memberships=tokens.memberships,
        refresh_token=tokens.refresh_token,
        device_token=tokens.device_token,
    )


def session(found: Session, *, current: uuid.UUID | None) -> SessionView:
    """A session as its person sees it."""
    return SessionView(
        id=found.public_id,
        created_at=rfc3339(found.created_at),
        entrance=found.entrance,
        device=found.user_agent,
        address=found.address,
        method=found.method or None,
        last_used_at=rfc3339(found.last_used_at),
        expires_at=rfc3339(found.expires_at),
        ended_at=_instant(found.ended_at),
        current=found.id == current,
    )


def authenticator(found: Authenticator) -> AuthenticatorView:
    """An authenticator without its secret."""
    return AuthenticatorView(
        id=found.pk,
        created_at=rfc3339(found.created_at),
        name=found.name,
        confirmed=found.confirmed,
        last_used_at=_instant(found.last_used_at),
    )


def new_authenticator(made: NewAuthenticator) -> NewAuthenticatorView:
    """A new authenticator with its secret."""
    held = authenticator(made.authenticator)
    return NewAuthenticatorView(
        id=held.id,
        created_at=held.created_at,
        name=held.name,
        confirmed=held.confirmed,
        last_used_at=held.last_used_at,
        secret=made.base32_secret,
        otpauth_uri=made.otpauth_uri,
    )


def confirmed_authenticator(done: Confirmed) -> ConfirmedAuthenticatorView:
    """An authenticator that counts from now on."""
    held = authenticator(done.authenticator)
    return ConfirmedAuthenticatorView(
        id=held.id,
        created_at=held.created_at,
        name=held.name,
        confirmed=held.confirmed,
        last_used_at=held.last_used_at,
        recovery_codes=list(done.recovery_codes) or UNSET,
    )


def login_policy(psp_id: int, found: LoginPolicy | None) -> LoginPolicyView:
    """A provider's policy, or the platform's where it has none of its own."""
    default = Policy()
    return LoginPolicyView(
        id=psp_id,
        psp_id=psp_id,
        created_at=_instant(found.created_at) if found else None,
        updated_at=_instant(found.updated_at) if found else None,
        required_roles=[Role(role).value for role in found.required_roles] if found else [],
        email_codes=found.email_codes if found else default.email_codes,
    )


def _instant(instant: dt.datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant)
