"""What smarttab's endpoints share."""

from kernel.rest import Endpoint
from mpac.smarttab.db import db

TERMINALS = frozenset({"device"})


class SmarttabEndpoint(Endpoint):
    """For terminals, and for partners whose key has the scope; some operations are for terminals alone."""

    callers = TERMINALS | {"partner"}
    partner_scopes = ("payments:read", "payments:write")
    db = db
