"""Reading providers, merchants, stores and their provider accounts. What is missing and what is another's look the same."""

from django.db.models import QuerySet

from kernel.errors import NotFound
from kernel.tenancy import Scope
from mpac.portal.db import atomic
from mpac.portal.dto import StoreDTO
from mpac.portal.models import Merchant, ProviderConfig, Psp, Store


def get_psp(*, scope: Scope, psp_id: int) -> Psp:
    """Raises NotFound."""
    with atomic(scope):
        psp: Psp | None = Psp.objects.filter(id=psp_id).first()
    if psp is None:
        raise NotFound
    return psp


def get_merchant(*, scope: Scope, merchant_id: int) -> Merchant:
    """Raises NotFound."""
    with atomic(scope):
        merchant: Merchant | None = Merchant.objects.filter(id=merchant_id).first()
    if merchant is None:
        raise NotFound
    return merchant


def get_store(*, scope: Scope, store_id: int) -> Store:
    """Raises NotFound."""
    with atomic(scope):
        store: Store | None = Store.objects.filter(id=store_id).first()
    if store is None:
        raise NotFound
    return store


def list_psps() -> "QuerySet[Psp]":
    """Providers in the scope of the open transaction."""
    found: QuerySet[Psp] = Psp.objects.all()
    return found


def list_merchants(*, code: str | None = None, status: str | None = None) -> "QuerySet[Merchant]":
    """Merchants in the scope of the open transaction."""
    found: QuerySet[Merchant] = Merchant.objects.all()
    if code is not None:
        found = found.filter(code=code)
    if status is not None:
        found = found.filter(status=status)
    return found


def list_stores(
    *, merchant_id: int | None = None, code: str | None = None, status: str | None = None
) -> "QuerySet[Store]":
    """Stores in the scope of the open transaction."""
    found: QuerySet[Store] = Store.objects.all()
    if merchant_id is not None:
        found = found.filter(merchant_id=merchant_id)
    if code is not None:
        found = found.filter(code=code)
    if status is not None:
        found = found.filter(status=status)
    return found


def list_provider_configs(*, store_id: int) -> "QuerySet[ProviderConfig]":
    """A store's provider accounts, in the scope of the open transaction."""
    found: QuerySet[ProviderConfig] = ProviderConfig.objects.filter(store_id=store_id)
    return found


def describe_store(*, scope: Scope, store_id: int) -> StoreDTO:
    """A store as its neighbors need it. Raises NotFound."""
    with atomic(scope):
        store = get_store(scope=scope, store_id=store_id)
        merchant = get_merchant(scope=scope, merchant_id=store.merchant_id)
        psp = get_psp(scope=scope, psp_id=store.psp_id)
    return StoreDTO(
        psp_id=store.psp_id,
        merchant_id=store.merchant_id,
        store_id=store.id,
        code=store.code,
        name=store.name,
        merchant_name=merchant.name,
        country=store.country,
        currency=store.currency,
        time_zone=store.time_zone,
        business_day_starts_at=store.business_day_starts_at,
        active=store.is_active and merchant.is_active and psp.is_active,
    )
