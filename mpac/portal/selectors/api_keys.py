"""Reading API keys. What is missing and what is another's look the same."""

import uuid

from django.db.models import QuerySet

from kernel.errors import NotFound
from mpac.portal.models import ApiKey


def list_api_keys(*, mode: str | None = None) -> "QuerySet[ApiKey]":
    """Keys in the scope of the open transaction."""
    found: QuerySet[ApiKey] = ApiKey.objects.all()
    return found if mode is None else found.filter(mode=mode)


def get_api_key(*, api_key_id: uuid.UUID) -> ApiKey:
    """A key in the scope of the open transaction. Raises NotFound."""
    found: ApiKey | None = list_api_keys().filter(id=api_key_id).first()
    if found is None:
        raise NotFound
    return found
