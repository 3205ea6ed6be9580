"""Who may call what, as a page: each operation with what it declares, and the roles that hold what it asks for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, get_resolver

from kernel.principal import Reach
from kernel.rest import Endpoint
from kernel.rest.endpoint import METHODS
from kernel.rest.operation import Operation
from mpac.portal.domain.permissions import PERMISSIONS, ROLE_PERMISSIONS
from mpac.portal.domain.roles import ANYWHERE, REQUIRED_LEVELS, Role

ROLES = (
    Role.PLATFORM_OPERATOR,
    Role.PSP_ADMIN,
    Role.MERCHANT_ADMIN,
    Role.STORE_MANAGER,
    Role.CASHIER,
    Role.AUDITOR,
)
PARAMETER = re.compile(r"<\w+:(\w+)>")
WIDTH: dict[Reach, int] = {"platform": 0, "psp": 1, "merchant": 2}
HEAD = """# Who may call what

Generated from what each operation declares and what each role holds; `tests/architecture` holds the API against the same
declarations, for every role at every place.

Who lacks what is in a row is refused (403). To whoever has it, an object beyond the place of their role (another store's,
merchant's, provider's) is missing (404), like one that does not exist. Whoever belongs to something suspended is nobody (401).

- **callers**: the kinds of credential that are let in at all; *anybody* needs none.
- **permission**: what the credential carries; a server's key is asked for the one in brackets, too.
- **reach**: what the caller must stand for as a whole: a store manager does not stand for a merchant.
- roles: **x** where the role is held at its own level; **(x)** for an auditor who is one of that level as a whole. What a
  custom role may call is what has a permission that it was made of.
- **in another's name**: what an impersonator may do: *reads* at once, *writes* when a second person approved, or *never*.

"""


@dataclass(frozen=True)
class Called:
    """One operation at one address."""

    path: str
    method: str
    endpoint: type[Endpoint]
    operation: Operation

    @property
    def callers(self) -> frozenset[str] | set[str]:
        return self.endpoint.callers if self.operation.callers is None else self.operation.callers

    @property
    def reads(self) -> bool:
        return self.method == "get"


def page() -> str:
    """The page, in Markdown."""
    head = [
        "operation",
        "call",
        "callers",
        "permission",
        "reach",
        *(role.replace("_", " ") for role in ROLES),
    ]
    head.append("in another's name")
    rows = [head, ["---"] * len(head)]
    rows += [_row(called) for called in sorted(_called(), key=lambda each: (each.operation.name, each.path))]
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(called: Called) -> list[str]:
    operation = called.operation
    needed = [f"`{operation.permission}`"] if operation.permission else []
    if "partner" in called.callers and called.endpoint.partner_scopes is not None:
        needed.append(f"[`{called.endpoint.partner_scopes[0 if called.reads else 1]}`]")
    for_people = "person" in called.callers
    return [
        f"`{operation.name}`",
        f"`{called.method.upper()} /{called.path}`",
        ", ".join(sorted(called.callers)) or "*anybody*",
        " ".join(needed),
        operation.reach or "",
        *(_mark(role, operation) if for_people else "" for role in ROLES),
        _in_anothers_name(called) if for_people else "",
    ]


def _mark(role: Role, operation: Operation) -> str:
    """Whether a role may call an operation."""
    if operation.permission not in {None, *ROLE_PERMISSIONS[role]}:
        return ""
    if operation.reach is None:
        return "x"
    if role in ANYWHERE:
        return "(x)" if WIDTH[operation.reach] else ""
    return "x" if sum(REQUIRED_LEVELS.get(role, ())) <= WIDTH[operation.reach] else ""


def _in_anothers_name(called: Called) -> str:
    permission = PERMISSIONS[called.operation.permission] if called.operation.permission else None
    if called.endpoint.own_account or (permission.delicate if permission else not called.reads):
        return "never"
    return "reads" if permission is None or permission.reads else "writes"


def _called() -> Iterator[Called]:
    for path, endpoint in _endpoints(get_resolver().url_patterns):
        for method in METHODS:
            if hasattr(endpoint, method):
                yield Called(path, method, endpoint, getattr(endpoint, method).operation)


def _endpoints(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, type[Endpoint]]]:
    for each in patterns:
        path = prefix + PARAMETER.sub(r"{\1}", str(each.pattern))
        if not isinstance(each, URLPattern):
            yield from _endpoints(each.url_patterns, path)
        elif hasattr(each.callback, "cls"):
            yield path, each.callback.cls
