"""Reads of statements and of what does not agree with them."""

import uuid

from kernel.errors import NotFound
from mpac.pgw.models import ReconciliationException


def lock_exception(exception_id: uuid.UUID) -> ReconciliationException:
    """One exception, locked until the transaction ends. Raises NotFound."""
    found: ReconciliationException | None = (
        ReconciliationException.objects.select_for_update().filter(pk=exception_id).first()
    )
    if found is None:
        raise NotFound
    return found
