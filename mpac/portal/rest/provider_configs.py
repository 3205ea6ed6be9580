"""A store's accounts with payment providers. Credentials go in and never come out."""

from msgspec import UNSET

from kernel.rest import Page, PageQuery, Request, operation, paginate
from mpac.portal.db import atomic
from mpac.portal.rest import views
from mpac.portal.rest.bodies import CreateProviderConfig, UpdateProviderConfig
from mpac.portal.rest.endpoint import PortalEndpoint
from mpac.portal.rest.views import ProviderConfigView
from mpac.portal.selectors.hierarchy import get_store, list_provider_configs
from mpac.portal.services.provider_configs import create_provider_config, update_provider_config

READ, WRITE = "hierarchy:read", "provider_configs:write"


class ProviderConfigsEndpoint(PortalEndpoint):
    """The provider accounts of a store."""

    @operation(
        "provider_configs.list",
        summary="List a store's provider accounts",
        query=PageQuery,
        response=Page[ProviderConfigView],
        permission=READ,
    )
    def get(self, request: Request, query: PageQuery, store_id: int) -> Page[ProviderConfigView]:
        scope = self.scope
        with atomic(scope):
            store = get_store(scope=scope, store_id=store_id)
            return paginate(list_provider_configs(store_id=store.id), query, views.provider_config)

    @operation(
        "provider_configs.create",
        summary="Give a store an account with a payment provider",
        body=CreateProviderConfig,
        response=ProviderConfigView,
        status=201,
        errors=(409,),
        permission=WRITE,
    )
    def post(self, request: Request, body: CreateProviderConfig, store_id: int) -> ProviderConfigView:
        created = create_provider_config(
            scope=self.scope,
            store_id=store_id,
            provider=body.provider,
            account=body.account,
            credentials=body.credentials,
            livemode=request.user.livemode,
            enabled=body.enabled,
            now=self.now,
        )
        return views.provider_config(created)


class ProviderConfigEndpoint(PortalEndpoint):
    """One provider account of a store."""

    @operation(
        "provider_configs.update",
        summary="Change a store's provider account, or replace its credentials",
        body=UpdateProviderConfig,
        response=ProviderConfigView,
        permission=WRITE,
    )
    def patch(
        self, request: Request, body: UpdateProviderConfig, store_id: int, provider: str
    ) -> ProviderConfigView:
        changed = update_provider_config(
            scope=self.scope,
            store_id=store_id,
            provider=provider,
            account=None if body.account is UNSET else body.account,
            credentials=None if body.credentials is UNSET else body.credentials,
            enabled=None if body.enabled is UNSET else body.enabled,
            now=self.now,
        )
        return views.provider_config(changed)
