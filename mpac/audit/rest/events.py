"""The audit trail over HTTP: read by those who may, each within their tenant, and written by nobody."""

from kernel.rest import Endpoint, Page, Request, operation, paginate
from mpac.audit.db import atomic, db
from mpac.audit.rest import views
from mpac.audit.rest.bodies import ListAuditEvents
from mpac.audit.rest.views import AuditEventView
from mpac.audit.selectors.events import list_events


class AuditEventsEndpoint(Endpoint):
    """All records of a tenant."""

    callers = frozenset({"partner", "person"})
    db = db

    @operation(
        "audit_events.list",
        summary="List what was done, newest first",
        query=ListAuditEvents,
        response=Page[AuditEventView],
        permission="audit:read",
    )
    def get(self, _request: Request, query: ListAuditEvents) -> Page[AuditEventView]:
        with atomic(self.scope):
            return paginate(list_events(**query.filters()), query, views.audit_event)
