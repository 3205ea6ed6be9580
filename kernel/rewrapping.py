"""Bringing every sealed secret under the active key-encryption key, so that an old one can be dropped."""

from collections.abc import Iterator
from functools import reduce
from operator import or_

from django.apps import apps
from django.db import models, router

from kernel.crypto import rewrap
from kernel.db import ContextDb
from kernel.schema import rules_of
from kernel.tenancy import SystemScope

SCOPE = SystemScope("administration")
BATCH = 200


def sealed_models() -> list[type[models.Model]]:
    """Every model whose rules name columns with sealed secrets."""
    return [model for model in apps.get_models() if (rules := rules_of(model)) and rules.sealed]


def rewrap_table(model: type[models.Model]) -> Iterator[tuple[int, int]]:
    """Rewrap the table's secrets in small transactions; yields how many rows were seen and changed, batch by batch.

    May be stopped and begun again, and run while others write: a row that changes meanwhile is left as it then is, for
    what is sealed anew is sealed with the active key. Raises CryptoError when a row's key is not there.
    """
    context = ContextDb(model._meta.app_label, alias=router.db_for_write(model))
    columns = rules_of(model).sealed  # type: ignore[union-attr]  # asked of `sealed_models`
    holding = reduce(or_, (models.Q(**{f"{name}__isnull": False}) for name in columns))
    seen = changed = 0
    last = None
    while True:
        with context.atomic(SCOPE):
            rows = model._default_manager.filter(holding).order_by("pk")
            batch = list((rows if last is None else rows.filter(pk__gt=last))[:BATCH])
            for row in batch:
                held = {name: text for name in columns if (text := getattr(row, name)) is not None}
                place = row.sealed_for()  # type: ignore[attr-defined]  # every such model has it
                fresh = {name: rewrap(text, aad=place) for name, text in held.items()}
                if fresh != held:
                    changed += rows.filter(pk=row.pk, **held).update(**fresh)
        if not batch:
            return
        seen, last = seen + len(batch), batch[-1].pk
        yield seen, changed
