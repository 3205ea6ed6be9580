"""Everything that somebody may be allowed to do, each under one name: what roles are made of and what tokens and keys carry.

A name says what is touched and how: `devices:write`. Who may do it, and where, is for roles and memberships to say.
"""

from dataclasses import dataclass

from mpac.portal.domain.roles import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One thing that may be allowed. `for_keys` says that a server's API key may carry it; `delicate`, that nobody does it
    in another person's name.
    """

    name: str
    meaning: str
    for_keys: bool = True
    delicate: bool = False


_ALL = (
    Permission(name="hierarchy:read", meaning="see the provider, its merchants and stores"),
    Permission(name="hierarchy:write", meaning="change merchants and stores"),
    Permission(
        name="provider_configs:write", meaning="change stores' accounts with banks and wallets", delicate=True
    ),
    Permission(name="devices:read", meaning="see terminals"),
    Permission(name="devices:write", meaning="register, replace, label, suspend and revoke terminals"),
    Permission(name="devices:kill", meaning="shut out a stolen terminal at once"),
    Permission(name="commands:read", meaning="see what terminals were told to do"),
    Permission(name="commands:send", meaning="tell terminals to do something"),
    Permission(name="settings:read", meaning="see settings and why they have their values"),
    Permission(name="settings:write", meaning="change settings"),
    Permission(name="settings:lock", meaning="lock settings against the levels below"),
    Permission(name="apps:read", meaning="see apps, releases and rollouts"),
    Permission(name="apps:write", meaning="upload releases"),
    Permission(name="rollouts:write", meaning="start, pause, resume and halt rollouts"),
    Permission(name="payments:read", meaning="see payments, refunds and disputes"),
    Permission(name="payments:write", meaning="take and give back money", delicate=True),
    Permission(name="webhooks:read", meaning="see what is told to a provider's servers"),
    Permission(name="webhooks:write", meaning="choose what is told to a provider's servers"),
    Permission(name="audit:read", meaning="see who did what"),
    Permission(name="people:read", meaning="see people and their roles", for_keys=False),
    Permission(
        name="people:write", meaning="invite people, grant and withdraw roles", for_keys=False, delicate=True
    ),
    Permission(name="roles:write", meaning="make roles of permissions", for_keys=False, delicate=True),
    Permission(name="api_keys:read", meaning="see API keys without their secrets", for_keys=False),
    Permission(name="api_keys:write", meaning="issue and withdraw API keys", for_keys=False, delicate=True),
    Permission(name="sessions:write", meaning="end other people's sessions", for_keys=False, delicate=True),
    Permission(name="impersonation:request", meaning="ask to act as somebody", for_keys=False, delicate=True),
    Permission(
        name="impersonation:approve", meaning="let somebody act as somebody", for_keys=False, delicate=True
    ),
)
PERMISSIONS: dict[str, Permission] = {permission.name: permission for permission in _ALL}
KEY_SCOPES = tuple(permission.name for permission in _ALL if permission.for_keys)

_EVERYTHING = frozenset(PERMISSIONS)
_READING = frozenset(name for name in PERMISSIONS if name.endswith(":read"))
_STORE = frozenset(
    {
        *(
            "hierarchy:read",
            "devices:read",
            "devices:write",
            "devices:kill",
            "commands:read",
            "commands:send",
        ),
        *("settings:read", "settings:write", "apps:read", "payments:read", "payments:write", "people:read"),
    }
)
_MERCHANT = _STORE | {
    "hierarchy:write",
    "provider_configs:write",
    "settings:lock",
    "rollouts:write",
    "people:write",
    "audit:read",
}

ROLE_PERMISSIONS: dict[Role, frozenset[str]] = {
    Role.PLATFORM_OPERATOR: _EVERYTHING,
    Role.PSP_ADMIN: _EVERYTHING - {"impersonation:approve"},
    Role.MERCHANT_ADMIN: _MERCHANT,
    Role.STORE_MANAGER: _STORE,
    Role.CASHIER: frozenset({"hierarchy:read", "payments:read", "payments:write"}),
    Role.AUDITOR: _READING,
}
