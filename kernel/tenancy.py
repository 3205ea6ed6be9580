"""Whose rows a transaction may see.

A `TenantScope` names one payment service provider and, where the caller is narrower, one merchant and its stores. A
`SystemScope` crosses tenants; each one is declared here with its reason, logged and counted when it is entered. No
scope means no rows: row-level security and the managers both fail closed.
"""

from contextvars import ContextVar
from dataclasses import dataclass

SYSTEM_SCOPES: dict[str, str] = {
    "administration": "a person with access to the server manages operators, API keys and sealed secrets by command",
    "authentication": "find a device, key or person before its tenant is known",
    "console": "a platform operator reads across tenants in the console",
    "expiry": "expire what is overdue, for all tenants",
    "invariants": "look for rows that break an invariant, for all tenants",
    "metrics": "measure what waits and what is missing, for all tenants",
    "partner_calls": "call the webhook endpoints of all partners",
    "realtime": "read the event logs of connected terminals",
    "relay": "deliver committed events of all tenants",
    "replay": "decide stored payments again by proposed routing rules, for all tenants",
    "resolver": "ask providers about attempts whose outcome is open",
    "seed": "create the demonstration data",
    "service": "a signed call from another service names the tenant in its body",
    "sync": "copy the hierarchy from portal into the gateway's mirror",
    "upkeep": "remove what has expired",
    "webhooks": "a provider's callback arrives before its tenant is known",
}


class NoTenantScope(RuntimeError):
    """A tenant's table was touched outside a scoped transaction."""


@dataclass(frozen=True, slots=True)
class TenantScope:
    """One provider's data; narrower when `merchant_id` or `store_ids` is set.

    `livemode` keeps real and test data apart: with it, managers show rows of that mode alone. None is both, for the
    platform's own work on one tenant.
    """

    psp_id: int
    merchant_id: int | None = None
    store_ids: tuple[int, ...] | None = None
    livemode: bool | None = None


@dataclass(frozen=True, slots=True)
class SystemScope:
    """All tenants, for a declared reason."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in SYSTEM_SCOPES:
            msg = f"system scope {self.name!r} is not declared in kernel.tenancy.SYSTEM_SCOPES"
            raise NoTenantScope(msg)


Scope = TenantScope | SystemScope

_scopes: ContextVar[dict[str, Scope] | None] = ContextVar("mpac_scopes", default=None)


def current_scope(alias: str) -> Scope | None:
    """The scope of the open transaction on `alias`, or None outside one."""
    return (_scopes.get() or {}).get(alias)


def enter_scope(alias: str, scope: Scope) -> None:
    """Note the scope of a transaction that has just begun."""
    _scopes.set({**(_scopes.get() or {}), alias: scope})


def leave_scope(alias: str) -> None:
    """Forget the scope of a transaction that has ended."""
    scopes = dict(_scopes.get() or {})
    scopes.pop(alias, None)
    _scopes.set(scopes)


def scope_sql(scope: Scope) -> str:
    """The SET LOCAL statements of a scope; every value is an integer or a declared name, so nothing needs quoting."""
    if isinstance(scope, SystemScope):
        return f"SET LOCAL app.system = '{scope.name}'"
    statements = [f"SET LOCAL app.psp_id = '{int(scope.psp_id)}'"]
    if scope.merchant_id is not None:
        statements.append(f"SET LOCAL app.merchant_id = '{int(scope.merchant_id)}'")
    if scope.store_ids is not None:
        stores = ",".join(str(int(store_id)) for store_id in scope.store_ids)
        statements.append(f"SET LOCAL app.store_ids = '{{{stores}}}'")
    return "; ".join(statements)
