"""Reading apps, releases and rollouts. The platform's own are seen by every provider; another provider's are missing."""

import uuid
from typing import Any

from django.db.models import QuerySet

from kernel.errors import Forbidden, NotFound
from kernel.tenancy import Scope, TenantScope
from mpac.portal.db import atomic
from mpac.portal.models import App, AppRelease, Rollout
from mpac.portal.models.app import SharedModel


def get_app(*, scope: Scope, app_id: uuid.UUID) -> App:
    """Raises NotFound."""
    return _get(App, scope=scope, id=app_id)  # type: ignore[return-value]


def get_release(*, scope: Scope, release_id: uuid.UUID, app_id: uuid.UUID | None = None) -> AppRelease:
    """A release with its app. Raises NotFound, also when it is of another app."""
    narrowed = {} if app_id is None else {"app_id": app_id}
    return _get(AppRelease, scope=scope, id=release_id, **narrowed)  # type: ignore[return-value]


def get_rollout(*, scope: Scope, rollout_id: uuid.UUID) -> Rollout:
    """A rollout with its app and release. Raises NotFound."""
    return _get(Rollout, scope=scope, id=rollout_id)  # type: ignore[return-value]


def list_apps(*, package: str | None = None) -> "QuerySet[App]":
    """Apps in the scope of the open transaction."""
    found: QuerySet[App] = App.objects.all()
    return found if package is None else found.filter(package=package)


def list_releases(*, app_id: uuid.UUID) -> "QuerySet[AppRelease]":
    """An app's releases, in the scope of the open transaction."""
    found: QuerySet[AppRelease] = AppRelease.objects.filter(app_id=app_id).select_related("app")
    return found


def list_rollouts(*, app_id: uuid.UUID | None = None, status: str | None = None) -> "QuerySet[Rollout]":
    """Rollouts in the scope of the open transaction."""
    found: QuerySet[Rollout] = Rollout.objects.select_related("app", "release")
    if app_id is not None:
        found = found.filter(app_id=app_id)
    return found if status is None else found.filter(status=status)


def check_steered_by(scope: Scope, row: SharedModel) -> None:
    """Whether a caller may change what they see. Raises Forbidden: the platform's own is the platform's to change, a key
    changes what is of its mode alone, and who stands for a part of a provider changes nothing.
    """
    if not isinstance(scope, TenantScope):
        return
    whole = scope.merchant_id is None and scope.store_ids is None
    if not whole or row.psp_id != scope.psp_id or scope.livemode not in {None, row.livemode}:
        raise Forbidden


def _get(model: type[SharedModel], *, scope: Scope, **lookup: Any) -> SharedModel:
    related = [name for name in ("app", "release") if hasattr(model, name)]
    with atomic(scope):
        found: SharedModel | None = model.objects.select_related(*related).filter(**lookup).first()
    if found is None:
        raise NotFound
    return found
