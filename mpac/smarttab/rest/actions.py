"""Actions: POSTs that say everything in their address."""

from kernel.rest import Endpoint
from mpac.smarttab.db import db
from mpac.smarttab.rest.caller import PARTNER_SCOPES, READERS


class ActionEndpoint(Endpoint):
    """Base of actions on an existing object."""

    callers = READERS
    partner_scopes = PARTNER_SCOPES
    db = db
