"""Base classes of the contexts' models: tenant columns, identifiers, enums as checked text."""

from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from django.db import models

from kernel import clock, ids
from kernel.tenancy import NoTenantScope, SystemScope, current_scope

M = TypeVar("M", bound=models.Model)


class TenantManager(models.Manager[M]):
    """Filters by the scope of the open transaction and refuses to work outside one.

    Row-level security guards the same rows in the database; this is the first of the two walls.
    """

    def get_queryset(self) -> models.QuerySet[M]:
        queryset = super().get_queryset()
        scope = current_scope(queryset.db)
        if scope is None:
            msg = f"{self.model.__name__} was queried outside a scoped transaction"
            raise NoTenantScope(msg)
        if isinstance(scope, SystemScope):
            return queryset
        fields = {field.attname: field for field in self.model._meta.concrete_fields}
        queryset = queryset.filter(psp_id=scope.psp_id)
        if scope.merchant_id is not None and "merchant_id" in fields:
            queryset = queryset.filter(merchant_id=scope.merchant_id)
        if scope.store_ids is not None and "store_id" in fields:
            queryset = queryset.filter(store_id__in=scope.store_ids)
        if scope.livemode is not None and "livemode" in fields:
            queryset = queryset.filter(_in_mode(livemode=scope.livemode, nullable=fields["livemode"].null))
        return queryset


class InheritingManager(models.Manager[M]):
    """Like `TenantManager`, for tables that hold what is inherited: rows of the levels above one's own are shown, too."""

    def get_queryset(self) -> models.QuerySet[M]:
        queryset = super().get_queryset()
        scope = current_scope(queryset.db)
        if scope is None:
            msg = f"{self.model.__name__} was queried outside a scoped transaction"
            raise NoTenantScope(msg)
        if isinstance(scope, SystemScope):
            return queryset
        queryset = queryset.filter(_own_or_above(psp_id=scope.psp_id))
        if scope.merchant_id is not None:
            queryset = queryset.filter(_own_or_above(merchant_id=scope.merchant_id))
        if scope.store_ids is not None:
            queryset = queryset.filter(_own_or_above(store_id__in=scope.store_ids))
        return queryset


def _own_or_above(**own: Any) -> models.Q:
    (column,) = (name.removesuffix("__in") for name in own)
    return models.Q(**own) | models.Q(**{column: None})


def _in_mode(*, livemode: bool, nullable: bool) -> models.Q:
    """Rows of one mode; one that says neither belongs to both."""
    own = models.Q(livemode=livemode)
    return own | models.Q(livemode=None) if nullable else own


class TenantModel(models.Model):
    """A row of one merchant, with a UUIDv7 whose millisecond is `created_at`."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    psp_id = models.IntegerField()
    merchant_id = models.IntegerField()
    created_at = models.DateTimeField(default=clock.now)

    objects: ClassVar[Any] = TenantManager()

    class Meta:
        abstract = True
        default_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding and self.id.version == 7:  # noqa: PLR2004
            self.created_at = ids.created_at_of(self.id)
        super().save(*args, **kwargs)


class StoreModel(TenantModel):
    """A row of one store."""

    store_id = models.IntegerField()

    class Meta:
        abstract = True
        default_manager_name = "objects"


class CurrencyField(models.CharField):
    """An ISO 4217 code; there is no default currency."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = 3
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("max_length")
        return name, path, args, kwargs


def choices(enum: type[StrEnum]) -> list[tuple[str, str]]:
    """Django choices of a string enum."""
    return [(member.value, member.value.replace("_", " ")) for member in enum]


def choices_check(field: str, enum: type[StrEnum], name: str) -> models.CheckConstraint:
    """The CHECK that keeps a text column within its enum: the database never holds a state the code does not know."""
    values = [member.value for member in enum]
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": values}), name=name)
