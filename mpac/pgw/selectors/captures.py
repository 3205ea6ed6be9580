"""Reads of captures."""

import uuid

from django.db.models import QuerySet

from kernel.errors import NotFound
from mpac.pgw.models import Capture, PaymentIntent


def get_capture(capture_id: uuid.UUID) -> Capture:
    """One capture with its attempt and intent. Raises NotFound."""
    capture: Capture | None = (
        Capture.objects.select_related("attempt", "attempt__intent", "intent").filter(pk=capture_id).first()
    )
    if capture is None:
        raise NotFound
    return capture


def find_capture_by_key(*, psp_id: int, merchant_id: int, idempotency_key: str) -> Capture | None:
    """The capture that was opened under this business key, or None."""
    found: Capture | None = Capture.objects.filter(
        psp_id=psp_id, merchant_id=merchant_id, idempotency_key=idempotency_key
    ).first()
    return found


def list_captures(intent: PaymentIntent) -> QuerySet[Capture]:
    """All captures of an intent."""
    found: QuerySet[Capture] = Capture.objects.filter(
        psp_id=intent.psp_id, merchant_id=intent.merchant_id, intent=intent
    )
    return found
