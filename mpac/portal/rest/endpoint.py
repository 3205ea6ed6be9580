"""What portal's endpoints for partners and people share."""

from kernel.rest import Endpoint
from mpac.portal.db import db


class PortalEndpoint(Endpoint):
    """For providers' servers and for people.

    Each operation declares the permission that it needs, and the level for which the caller must hold it where that is
    a whole one; `self.scope` is whose rows the caller may touch.
    """

    callers = frozenset({"partner", "person"})
    db = db
