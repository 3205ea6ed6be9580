"""Acting as somebody else: how long, to do what, and as whom never."""

from collections.abc import Iterable
from enum import StrEnum

from mpac.portal.domain.permissions import PERMISSIONS

LONGEST_MINUTES = 60
# A request that nobody decided in this time is void.
REQUEST_LIFE_MINUTES = 60


class ImpersonationStatus(StrEnum):
    """Where an impersonation stands. One whose time has run out stays active and allows nothing."""

    REQUESTED = "requested"  # wants to write, and waits for a second person
    ACTIVE = "active"  # tokens are issued until it ends
    REFUSED = "refused"  # the second person said no
    ENDED = "ended"  # its tokens are refused


TRANSITIONS: dict[ImpersonationStatus, frozenset[ImpersonationStatus]] = {
    ImpersonationStatus.REQUESTED: frozenset(
        {ImpersonationStatus.ACTIVE, ImpersonationStatus.REFUSED, ImpersonationStatus.ENDED}
    ),
    ImpersonationStatus.ACTIVE: frozenset({ImpersonationStatus.ENDED}),
    ImpersonationStatus.REFUSED: frozenset(),
    ImpersonationStatus.ENDED: frozenset(),
}


def permitted(permissions: Iterable[str], *, writes: bool) -> frozenset[str]:
    """What of a person's permissions somebody may use in their name: nothing delicate, and without `writes` only reading.

    A name that is not in the registry is left out, too: nobody has said yet that it is harmless.
    """
    known = [PERMISSIONS[name] for name in permissions if name in PERMISSIONS]
    return frozenset(each.name for each in known if not each.delicate and (writes or each.reads))
