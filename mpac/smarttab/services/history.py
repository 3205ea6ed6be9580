"""One way to change a state: a guarded UPDATE and a history row in the same transaction."""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django.db.models import F

from kernel.models import StoreModel
from mpac.smarttab.domain.states import allowed_from
from mpac.smarttab.errors import IllegalTransition
from mpac.smarttab.models import StateChange


def change_status(
    row: Any,
    *,
    to: StrEnum,
    transitions: Mapping[Any, frozenset[Any]],
    actor: str,
    now: dt.datetime,
    reason: str = "",
    **columns: Any,
) -> None:
    """Move `row` to `to`, with further `columns`, and write the history row.

    Raises IllegalTransition, with what would be allowed, when the state does not lead there.
    """
    before = type(to)(row.status)
    if to not in transitions[before]:
        raise IllegalTransition(allowed=allowed_from(transitions, before))
    columns |= {"status": to.value, "updated_at": now}
    guarded = type(row).objects.filter(pk=row.pk, status=before.value)
    if not guarded.update(version=F("version") + 1, **columns):
        raise IllegalTransition(allowed=allowed_from(transitions, before))
    row.version += 1
    for name, value in columns.items():
        setattr(row, name, value)
    record(row, before=before.value, after=to.value, actor=actor, now=now, reason=reason)


def record(
    row: StoreModel, *, before: str, after: str, actor: str, now: dt.datetime, reason: str = ""
) -> None:
    """Write one history row. `before` is empty for a new object."""
    StateChange.objects.create(
        psp_id=row.psp_id,
        merchant_id=row.merchant_id,
        store_id=row.store_id,
        subject=row._meta.model_name or "",
        subject_id=row.pk,
        from_status=before,
        to_status=after,
        actor=actor,
        reason=reason,
        occurred_at=now,
    )
