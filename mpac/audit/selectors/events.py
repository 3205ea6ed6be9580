"""Reading the audit trail."""

import datetime as dt

from django.db.models import QuerySet

from mpac.audit.models import AuditEvent


def list_events(
    *,
    actor_id: str | None = None,
    object_type: str | None = None,
    object_id: str | None = None,
    action: str | None = None,
    created_from: dt.datetime | None = None,
    created_before: dt.datetime | None = None,
) -> "QuerySet[AuditEvent]":
    """The records in the scope of the open transaction; an impersonated person is an actor as well."""
    wanted = {
        "object_type": object_type,
        "object_id": object_id,
        "action": action,
        "created_at__gte": created_from,
        "created_at__lt": created_before,
    }
    found: QuerySet[AuditEvent] = AuditEvent.objects.filter(
        **{name: value for name, value in wanted.items() if value is not None}
    )
    if actor_id is not None:
        found = found.filter(actor_id=actor_id) | found.filter(acting_as=actor_id)
    return found
