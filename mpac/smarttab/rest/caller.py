"""From an authenticated principal to the caller that services know."""

from kernel.rest import Request
from mpac.smarttab.dto import Caller


def caller_of(request: Request) -> Caller:
    """Return who is calling: the tenant, the name for the history, the device."""
    principal = request.user
    return Caller(
        scope=principal.scope(),
        actor=f"{principal.kind}:{principal.subject}",
        device_id=principal.device_id,
        livemode=principal.livemode,
    )
