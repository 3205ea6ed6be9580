"""Actions: POSTs that say everything in their address. An empty body or an empty object is fine, fields are not."""

from typing import Any

from django.http import HttpRequest

from kernel.rest import Endpoint
from kernel.rest.body import decode_body
from mpac.smarttab.db import db
from mpac.smarttab.rest.bodies import NoBody
from mpac.smarttab.rest.caller import PARTNER_SCOPES, READERS


class ActionEndpoint(Endpoint):
    """Base of actions on an existing object."""

    callers = READERS
    partner_scopes = PARTNER_SCOPES
    db = db

    def _decode(self, request: HttpRequest) -> dict[str, Any]:
        arguments = super()._decode(request)
        if self.raw_body.strip() and self.operation.body is None:
            decode_body(self.raw_body, request.content_type or "", NoBody)
        return arguments
