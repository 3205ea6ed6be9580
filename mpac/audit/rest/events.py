"""The audit trail over HTTP: read by those who may, each within their tenant, and written by nobody."""

from kernel.errors import ScopeMissing
from kernel.principal import Principal
from kernel.rest import Endpoint, Page, Request, operation, paginate
from kernel.tenancy import Scope, SystemScope
from mpac.audit.db import atomic, db
from mpac.audit.rest import views
from mpac.audit.rest.bodies import ListAuditEvents
from mpac.audit.rest.views import AuditEventView
from mpac.audit.selectors.events import list_events

PLATFORM, READ = "platform", "audit:read"


class AuditEventsEndpoint(Endpoint):
    """All records of a tenant."""

    callers = frozenset({"partner", "person"})
    db = db

    @operation(
        "audit_events.list",
        summary="List what was done, newest first",
        query=ListAuditEvents,
        response=Page[AuditEventView],
    )
    def get(self, request: Request, query: ListAuditEvents) -> Page[AuditEventView]:
        with atomic(_scope_of(request.user)):
            return paginate(list_events(**query.filters()), query, views.audit_event)


def _scope_of(principal: Principal) -> Scope:
    """Whose records the caller may read: all for an operator of the platform. Raises ScopeMissing."""
    if principal.kind == "person" and PLATFORM in principal.scopes:
        return SystemScope("console")
    if READ not in principal.scopes or principal.psp_id is None:
        raise ScopeMissing
    return principal.scope()
