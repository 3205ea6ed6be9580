"""What a caller of portal's endpoints may touch, beyond being of the right kind."""

from kernel.errors import Forbidden, NotFound
from kernel.principal import Principal
from kernel.tenancy import Scope, SystemScope
from mpac.portal.models import Device

PLATFORM = "platform"


class ScopeMissing(Forbidden):
    """The credential does not carry the scope that this needs."""

    code = "insufficient_scope"


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


def require_same_mode(principal: Principal, device: Device) -> Device:
    """Test keys do not see live terminals, nor the other way round. Raises NotFound."""
    if principal.kind == "partner" and device.livemode != principal.livemode:
        raise NotFound
    return device
