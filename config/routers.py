"""Every context's models live behind its own alias; Django's own tables belong to portal."""

from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model


def alias_of(app_label: str) -> str:
    """The database alias that owns an application label."""
    alias: str = settings.MPAC_CONTEXTS.get(app_label, DEFAULT_DB_ALIAS)
    return alias


class SchemaRouter:
    """Sends each model to its context's alias and refuses relations that would cross one."""

    def db_for_read(self, model: type[Model], **_hints: Any) -> str:
        return alias_of(model._meta.app_label)

    def db_for_write(self, model: type[Model], **_hints: Any) -> str:
        return alias_of(model._meta.app_label)

    def allow_relation(self, one: Model, other: Model, **_hints: Any) -> bool:
        return alias_of(one._meta.app_label) == alias_of(other._meta.app_label)

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool:
        return alias_of(app_label) == db
