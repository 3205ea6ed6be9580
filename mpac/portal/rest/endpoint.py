"""What portal's endpoints for partners and people share."""

from kernel.rest import Endpoint
from mpac.portal.db import db


class PortalEndpoint(Endpoint):
    """For providers' servers and for people; `rest.permissions` says what each of them may touch."""

    callers = frozenset({"partner", "person"})
    db = db
