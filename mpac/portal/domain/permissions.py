"""Everything that somebody may be allowed to do, each under one name: what roles are made of and what tokens and keys carry.

A name says what is touched and how: `devices:write`; those with a dot are of the gateway's pages in the console. Who may do
it, and where, is for roles and memberships to say. Looking around in the console needs a role there and no name.
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

    @property
    def reads(self) -> bool:
        """Whether it allows to see something and nothing else."""
        return self.name.endswith((":read", ".read_notices", ":enter"))


def _in_console(name: str, meaning: str, *, delicate: bool = True) -> Permission:
    return Permission(name=name, meaning=meaning, for_keys=False, delicate=delicate)


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
    Permission(
        name="platform:write", meaning="sign up providers, rotate signing keys", for_keys=False, delicate=True
    ),
    Permission(name="impersonation:request", meaning="ask to act as somebody", for_keys=False, delicate=True),
    Permission(
        name="impersonation:approve", meaning="let somebody act as somebody", for_keys=False, delicate=True
    ),
    Permission(name="impersonation:read", meaning="see who acted as whom", for_keys=False),
    Permission(name="console:enter", meaning="enter the console, and look around in it", for_keys=False),
    _in_console("pgw.publish_routing", "say which provider takes a payment"),
    _in_console("pgw.switch_breakers", "take a provider out of use and back", delicate=False),
    _in_console("pgw.move_money", "take, let go and give back money by hand"),
    _in_console("pgw.settle_refunds", "agree that a refund by hand was sent"),
    _in_console("pgw.settle_attempts", "say how an attempt ended when nobody answers"),
    _in_console("pgw.ask_providers", "ask a provider again", delicate=False),
    _in_console("pgw.resend_webhooks", "tell a provider's servers again", delicate=False),
    _in_console("pgw.switch_endpoints", "switch a provider's webhook endpoints off and on"),
    _in_console("pgw.read_notices", "read word for word what banks and wallets wrote", delicate=False),
    _in_console("pgw.replay_notices", "take a stored notice in again"),
    _in_console("pgw.import_statements", "import a bank's statement"),
    _in_console("pgw.settle_exceptions", "close what statements and payments disagree about"),
)
PERMISSIONS: dict[str, Permission] = {permission.name: permission for permission in _ALL}
KEY_SCOPES = tuple(permission.name for permission in _ALL if permission.for_keys)
# What a key carries whose maker did not say: a provider's server takes and gives back money, chooses what it is told, and looks
# at what is its own. What changes the directory, steers terminals or tells who did what is asked for by name, so that a key
# that leaks from a shop's server kills no terminal and installs nothing on one.
USUAL_KEY_SCOPES = tuple(
    name
    for name in KEY_SCOPES
    if name in {"payments:write", "webhooks:write"} or (PERMISSIONS[name].reads and name != "audit:read")
)

_EVERYTHING = frozenset(PERMISSIONS)
_READING = frozenset(name for name, permission in PERMISSIONS.items() if permission.reads)
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
        "console:enter",
    }
)
_MERCHANT = _STORE | {
    *("hierarchy:write", "provider_configs:write", "settings:lock", "people:write", "audit:read"),
    *("pgw.publish_routing", "pgw.move_money", "pgw.import_statements", "pgw.settle_exceptions"),
}

ROLE_PERMISSIONS: dict[Role, frozenset[str]] = {
    Role.PLATFORM_OPERATOR: _EVERYTHING,
    Role.PSP_ADMIN: _EVERYTHING - {"impersonation:approve", "platform:write"},
    Role.MERCHANT_ADMIN: _MERCHANT,
    Role.STORE_MANAGER: _STORE,
    Role.CASHIER: frozenset({"hierarchy:read", "payments:read", "payments:write"}),
    Role.AUDITOR: _READING,
}
