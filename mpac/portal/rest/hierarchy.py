"""Providers, merchants and stores over HTTP. A provider sees itself and everything below it, and nothing else."""

import datetime as dt
from typing import Any

import msgspec
from msgspec import UNSET

from kernel.errors import FieldError, Invalid, NotFound
from kernel.rest import Body, Page, PageQuery, Request, operation, paginate
from mpac.portal.db import atomic
from mpac.portal.dto import Profile, ProfileChanges
from mpac.portal.models import Merchant, Psp
from mpac.portal.rest import views
from mpac.portal.rest.bodies import (
    CreateMerchant,
    CreatePsp,
    CreateStore,
    ListEntries,
    ListStores,
    UpdateEntry,
    UpdateMerchant,
    UpdatePsp,
    UpdateStore,
)
from mpac.portal.rest.endpoint import PortalEndpoint
from mpac.portal.rest.views import MerchantView, PspView, StoreView
from mpac.portal.selectors import hierarchy as directory
from mpac.portal.services import hierarchy

DETAILS = ("address", "tax_number", "onboarding", "tax_branch", "business_day_starts_at")
READ, WRITE = "hierarchy:read", "hierarchy:write"


class PspsEndpoint(PortalEndpoint):
    """All providers for operators of the platform, itself for a provider."""

    @operation(
        "psps.list",
        summary="List payment service providers",
        query=PageQuery,
        response=Page[PspView],
        permission=READ,
    )
    def get(self, request: Request, query: PageQuery) -> Page[PspView]:
        with atomic(self.scope):
            return paginate(directory.list_psps(), query, views.psp, integer=True)

    @operation(
        "psps.create",
        summary="Sign up a payment service provider",
        body=CreatePsp,
        response=PspView,
        status=201,
        errors=(409,),
        callers={"person"},
        permission=WRITE,
        reach="platform",
    )
    def post(self, request: Request, body: CreatePsp) -> PspView:
        profile = Profile(
            code=body.code,
            name=body.name,
            country=body.country,
            currency=body.currency,
            time_zone=body.time_zone,
            details=_details(body),
        )
        created = hierarchy.create_psp(
            scope=self.scope,
            profile=profile,
            rate_limit_per_minute=body.rate_limit_per_minute,
            now=self.now,
        )
        return views.psp(created)


class PspEndpoint(PortalEndpoint):
    """One provider."""

    @operation(
        "psps.read",
        summary="Read a payment service provider",
        response=PspView,
        permission=READ,
    )
    def get(self, request: Request, psp_id: int) -> PspView:
        return views.psp(directory.get_psp(scope=self.scope, psp_id=psp_id))

    @operation(
        "psps.update",
        summary="Change a payment service provider",
        body=UpdatePsp,
        response=PspView,
        errors=(409,),
        callers={"person"},
        permission=WRITE,
        reach="platform",
    )
    def patch(self, request: Request, body: UpdatePsp, psp_id: int) -> PspView:
        scope = self.scope
        return views.psp(
            hierarchy.update_psp(scope=scope, psp_id=psp_id, changes=_changes(body), now=self.now)
        )


class MerchantsEndpoint(PortalEndpoint):
    """The merchants of a provider."""

    @operation(
        "merchants.list",
        summary="List merchants",
        query=ListEntries,
        response=Page[MerchantView],
        permission=READ,
    )
    def get(self, request: Request, query: ListEntries) -> Page[MerchantView]:
        with atomic(self.scope):
            found = directory.list_merchants(code=query.code, status=query.status)
            return paginate(found, query, views.merchant, integer=True)

    @operation(
        "merchants.create",
        summary="Sign up a merchant",
        body=CreateMerchant,
        response=MerchantView,
        status=201,
        errors=(404, 409),
        permission=WRITE,
        reach="psp",
    )
    def post(self, request: Request, body: CreateMerchant) -> MerchantView:
        scope = self.scope
        psp_id = body.psp_id or request.user.psp_id
        if psp_id is None:
            raise Invalid(errors=[FieldError("psp_id", "required", "say whose merchant this is")])
        if request.user.psp_id not in {None, psp_id}:
            raise NotFound
        with atomic(scope):
            psp = directory.get_psp(scope=scope, psp_id=psp_id)
            created = hierarchy.create_merchant(
                scope=scope, psp_id=psp.id, profile=_profile(body, like=psp), now=self.now
            )
        return views.merchant(created)


class MerchantEndpoint(PortalEndpoint):
    """One merchant."""

    @operation(
        "merchants.read",
        summary="Read a merchant",
        response=MerchantView,
        permission=READ,
    )
    def get(self, request: Request, merchant_id: int) -> MerchantView:
        return views.merchant(directory.get_merchant(scope=self.scope, merchant_id=merchant_id))

    @operation(
        "merchants.update",
        summary="Change a merchant",
        body=UpdateMerchant,
        response=MerchantView,
        errors=(409,),
        permission=WRITE,
        reach="merchant",
    )
    def patch(self, request: Request, body: UpdateMerchant, merchant_id: int) -> MerchantView:
        scope = self.scope
        changed = hierarchy.update_merchant(
            scope=scope, merchant_id=merchant_id, changes=_changes(body), now=self.now
        )
        return views.merchant(changed)


class StoresEndpoint(PortalEndpoint):
    """The stores of a provider's merchants."""

    @operation(
        "stores.list",
        summary="List stores",
        query=ListStores,
        response=Page[StoreView],
        permission=READ,
    )
    def get(self, request: Request, query: ListStores) -> Page[StoreView]:
        with atomic(self.scope):
            found = directory.list_stores(merchant_id=query.merchant_id, code=query.code, status=query.status)
            return paginate(found, query, views.store, integer=True)

    @operation(
        "stores.create",
        summary="Open a store",
        body=CreateStore,
        response=StoreView,
        status=201,
        errors=(404, 409),
        permission=WRITE,
        reach="merchant",
    )
    def post(self, request: Request, body: CreateStore) -> StoreView:
        scope = self.scope
        with atomic(scope):
            merchant = directory.get_merchant(scope=scope, merchant_id=body.merchant_id)
            created = hierarchy.create_store(
                scope=scope, merchant_id=merchant.id, profile=_profile(body, like=merchant), now=self.now
            )
        return views.store(created)


class StoreEndpoint(PortalEndpoint):
    """One store."""

    @operation(
        "stores.read",
        summary="Read a store",
        response=StoreView,
        permission=READ,
    )
    def get(self, request: Request, store_id: int) -> StoreView:
        return views.store(directory.get_store(scope=self.scope, store_id=store_id))

    @operation(
        "stores.update",
        summary="Change a store",
        body=UpdateStore,
        response=StoreView,
        errors=(409,),
        permission=WRITE,
    )
    def patch(self, request: Request, body: UpdateStore, store_id: int) -> StoreView:
        scope = self.scope
        changed = hierarchy.update_store(scope=scope, store_id=store_id, changes=_changes(body), now=self.now)
        return views.store(changed)


def _profile(body: CreateMerchant | CreateStore, *, like: Psp | Merchant) -> Profile:
    """The new entry's profile; what the caller left out is as at the entry above."""
    return Profile(
        code=body.code,
        name=body.name,
        country=body.country or like.country,
        currency=body.currency or like.currency,
        time_zone=body.time_zone or like.time_zone,
        details=_details(body),
    )


def _changes(body: UpdateEntry) -> ProfileChanges:
    given = {name: getattr(body, name) for name in body.__struct_fields__ if name not in DETAILS}
    return ProfileChanges(
        **{name: value for name, value in given.items() if value is not UNSET}, details=_details(body)
    )


def _details(body: Body) -> dict[str, Any]:
    """The columns that not all levels of the hierarchy have, of those that the caller named."""
    details: dict[str, Any] = {}
    for name in DETAILS:
        value = getattr(body, name, UNSET)
        if value is UNSET:
            continue
        if name == "business_day_starts_at":
            details[name] = dt.time.fromisoformat(value)
        elif name in {"address", "onboarding"}:
            details[name] = {} if value is None else msgspec.to_builtins(value)
        else:
            details[name] = value
    return details
