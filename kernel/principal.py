"""Who is calling: the result of authentication, the same for a token, a key or a signature."""

import uuid
from dataclasses import dataclass, field
from typing import Literal

from kernel.tenancy import Scope, SystemScope, TenantScope

Kind = Literal["device", "partner", "person", "service", "intent"]


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    `subject` is the caller's public identifier; tenant fields narrow what it may see; `livemode` keeps live and test data
    apart; `intent_id` binds a client secret to its one payment intent; `actor` is who acts when the subject is impersonated.
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
        """Like `scope`, but a service enters its declared system scope."""
        return SystemScope("service") if self.psp_id is None else self.scope()

    @property
    def store_id(self) -> int | None:
        """The caller's store when it has exactly one."""
        return self.store_ids[0] if self.store_ids and len(self.store_ids) == 1 else None

    def key_tenant(self) -> tuple[int, int, int]:
        """The tenant part of this caller's idempotency keys; zero where it is not narrowed."""
        return (self.psp_id or 0, self.merchant_id or 0, self.store_id or 0)
