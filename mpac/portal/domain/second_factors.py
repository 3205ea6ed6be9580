"""Who needs a second factor, and which ones count: by role, and by what a provider asks of its people beyond that."""

from collections.abc import Iterable
from dataclasses import dataclass

from mpac.portal.domain.login import Method
from mpac.portal.domain.roles import Role

# What the platform itself asks; a provider can ask for more, never for less.
ALWAYS_REQUIRED = frozenset({Role.PLATFORM_OPERATOR, Role.PSP_ADMIN, Role.MERCHANT_ADMIN})
# Who could take over a whole provider shows more than that they read a mailbox.
NEVER_BY_EMAIL = frozenset({Role.PLATFORM_OPERATOR, Role.PSP_ADMIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a provider asks of its people: roles that need a second factor, and whether e-mailed codes are one."""

    required_roles: frozenset[Role] = frozenset()
    email_codes: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One role of a person and the policy of its provider; a custom role is `delicate` when one of its permissions is."""

    role: Role
    policy: Policy
    delicate: bool = False

    def needs_factor(self) -> bool:
        """Whether this role asks for a second factor."""
        if self.role is Role.CUSTOM and self.delicate:
            return True
        return self.role in ALWAYS_REQUIRED or self.role in self.policy.required_roles

    def takes_mail(self) -> bool:
        """Whether a code by e-mail is a second factor for this role."""
        return self.policy.email_codes and self.role not in NEVER_BY_EMAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a person has to prove themselves with, beside their mailbox."""

    authenticators: int
    recovery_codes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Whether a second factor is needed, and by which of those that the person has; none: one must be set up first."""

    required: bool
    methods: tuple[Method, ...]


def suffices(parts: Iterable[Part], *, method: Method | None) -> bool:
    """Whether somebody with these roles has shown enough by `method`, the second factor of their sign-in, if any."""
    needing = [part for part in parts if part.needs_factor()]
    if method is None:
        return not needing
    return method is not Method.EMAIL or all(part.takes_mail() for part in needing)


def demand(parts: Iterable[Part], *, held: Held) -> Demand:
    """What somebody with these roles has to show: the strictest role counts, and whoever has an authenticator shows more
    than a password, whether they must or not.
    """
    needing = [part for part in parts if part.needs_factor()]
    methods = [Method.TOTP] if held.authenticators else []
    if needing and all(part.takes_mail() for part in needing):
        methods.append(Method.EMAIL)
    if held.recovery_codes and held.authenticators:
        methods.append(Method.RECOVERY)
    return Demand(required=bool(needing) or held.authenticators > 0, methods=tuple(methods))
