"""Who is calling: the result of authentication, the same for a token, a key or a signature."""

import uuid
from dataclasses import dataclass, field
from typing import Literal

from kernel.errors import ScopeMissing
from kernel.tenancy import Scope, SystemScope, TenantScope

Kind = Literal["device", "partner", "person", "service", "intent"]
Reach = Literal["platform", "psp", "merchant"]

# The scope of the platform's operators, who belong to no tenant and may do everything.
PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    `subject` is the caller's public identifier; tenant fields narrow what it may see; `livemode` keeps live and test data
    apart; `intent_id` binds a client secret to its one payment intent; `user_id` is a person's and `session_id` what they
    signed in to; `actor` is who acts when the subject is impersonated.
    """

    kind: Kind
    subject: str
    psp_id: int | None = None
    merchant_id: int | None = None
    store_ids: tuple[int, ...] | None = None
    device_id: uuid.UUID | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    livemode: bool = False
    intent_id: uuid.UUID | None = None
    user_id: int | None = None
    session_id: uuid.UUID | None = None
    rate_limit_per_minute: int | None = None
    actor: str = ""

    is_authenticated = True

    def scope(self) -> TenantScope:
        """The tenant scope of this caller's transactions.

        Raises ValueError for a service, which names the tenant in its request.
        """
        if self.psp_id is None:
            msg = f"{self.kind} {self.subject} belongs to no tenant"
            raise ValueError(msg)
        livemode = None if self.kind == "person" else self.livemode
        return TenantScope(self.psp_id, self.merchant_id, self.store_ids, livemode)

    def database_scope(self) -> Scope:
        """Like `scope`, but an operator of the platform and a service enter their declared system scopes.

        Raises ScopeMissing for a person who belongs nowhere.
        """
        if self.is_operator:
            return SystemScope("console")
        if self.kind == "service":
            return SystemScope("service")
        if self.psp_id is None:
            raise ScopeMissing
        return self.scope()

    @property
    def is_operator(self) -> bool:
        """Whether this is an operator of the platform."""
        return self.kind == "person" and self.psp_id is None and PLATFORM in self.scopes

    def may(self, permission: str) -> bool:
        """Whether this caller's credential carries `permission`, somewhere."""
        return self.is_operator or (self.psp_id is not None and permission in self.scopes)

    def reaches(self, level: Reach) -> bool:
        """Whether this caller stands for the whole of a `level`: a whole merchant's person is narrowed to no store of it."""
        if self.is_operator:
            return True
        return {
            "platform": False,
            "psp": self.merchant_id is None and self.store_ids is None,
            "merchant": self.store_ids is None,
        }[level]

    @property
    def store_id(self) -> int | None:
        """The caller's store when it has exactly one."""
        return self.store_ids[0] if self.store_ids and len(self.store_ids) == 1 else None

    def key_tenant(self) -> tuple[int, int, int]:
        """The tenant part of this caller's idempotency keys; zero where it is not narrowed."""
        return (self.psp_id or 0, self.merchant_id or 0, self.store_id or 0)
