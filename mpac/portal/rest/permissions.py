"""What a caller of portal's endpoints may touch, beyond being of the right kind."""

from kernel.errors import ScopeMissing
from kernel.principal import Principal
from kernel.tenancy import Scope, SystemScope

PLATFORM = "platform"


def require(principal: Principal, scope: str) -> Scope:
    """The tenant scope of a caller whose credential carries `scope`. Raises ScopeMissing.

    An operator of the platform carries `platform` and belongs to no tenant.
    """
    if PLATFORM in principal.scopes and principal.kind == "person":
        return SystemScope("console")
    if scope not in principal.scopes or principal.psp_id is None:
        raise ScopeMissing
    return principal.scope()


def require_platform(principal: Principal) -> Scope:
    """The system scope of an operator of the platform. Raises ScopeMissing for everybody else."""
    if PLATFORM not in principal.scopes or principal.kind != "person":
        raise ScopeMissing
    return SystemScope("console")
