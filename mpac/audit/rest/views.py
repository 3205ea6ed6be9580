"""What audit's endpoint answers."""

from typing import Any, Literal

from kernel.clock import rfc3339
from kernel.rest import Instant, View
from mpac.audit.models import AuditEvent


class AuditEventView(View):
    """Who did what to which thing. Secrets are masked; `acting_as` is the person whom the actor impersonated."""

    id: str
    psp_id: int | None
    merchant_id: int | None
    store_id: int | None
    livemode: bool | None
    created_at: Instant
    occurred_at: Instant
    context: str
    action: str
    object_type: str
    object_id: str
    actor_kind: str
    actor_id: str
    acting_as: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str | None
    request_id: str | None
    address: str | None
    user_agent: str | None
    sequence: int
    digest: str
    object: Literal["audit_event"] = "audit_event"


def audit_event(event: AuditEvent) -> AuditEventView:
    """A record as the API shows it."""
    return AuditEventView(
        id=event.public_id,
        psp_id=event.psp_id,
        merchant_id=event.merchant_id,
        store_id=event.store_id,
        livemode=event.livemode,
        created_at=rfc3339(event.created_at),
        occurred_at=rfc3339(event.occurred_at),
        context=event.context,
        action=event.action,
        object_type=event.object_type,
        object_id=event.object_id,
        actor_kind=event.actor_kind,
        actor_id=event.actor_id,
        acting_as=event.acting_as or None,
        before=event.before,
        after=event.after,
        reason=event.reason or None,
        request_id=event.request_id or None,
        address=event.address or None,
        user_agent=event.user_agent or None,
        sequence=event.sequence,
        digest=event.digest,
    )
