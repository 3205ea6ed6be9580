"""A store's accounts with payment providers. Credentials are sealed on the way in and never come out of portal."""

import datetime as dt
from collections.abc import Mapping

import orjson
from django.db import IntegrityError

from kernel import crypto
from kernel.audit import record, state
from kernel.errors import NotFound
from kernel.outbox import publish
from kernel.tenancy import Scope
from mpac.portal.db import atomic, db
from mpac.portal.domain.hierarchy import check_provider
from mpac.portal.errors import ProviderConfigured
from mpac.portal.events import ProviderConfigChanged
from mpac.portal.models import ProviderConfig
from mpac.portal.selectors.hierarchy import get_store


def create_provider_config(
    *,
    scope: Scope,
    store_id: int,
    provider: str,
    account: Mapping[str, str],
    credentials: Mapping[str, str],
    livemode: bool = False,
    enabled: bool = True,
    now: dt.datetime,
) -> ProviderConfig:
    """Give a store an account with `provider`. Raises Invalid, NotFound and ProviderConfigured."""
    check_provider(provider)
    with atomic(scope):
        store = get_store(scope=scope, store_id=store_id)
        config = ProviderConfig(
            psp_id=store.psp_id,
            merchant_id=store.merchant_id,
            store_id=store.id,
            provider=provider,
            account=dict(account),
            livemode=livemode,
            enabled=enabled,
            updated_at=now,
        )
        _seal(config, credentials)
        try:
            config.save(force_insert=True)
        except IntegrityError as error:
            if "provider_config_once" in str(error):
                raise ProviderConfigured from None
            raise
        publish(db, _event(config), now=now)
        record(db, "provider_config.created", config, now=now)
    return config


def update_provider_config(
    *,
    scope: Scope,
    store_id: int,
    provider: str,
    account: Mapping[str, str] | None = None,
    credentials: Mapping[str, str] | None = None,
    enabled: bool | None = None,
    now: dt.datetime,
) -> ProviderConfig:
    """Replace the account, the credentials or the switch; None leaves a part as it is. Raises NotFound."""
    with atomic(scope):
        config: ProviderConfig | None = (
            ProviderConfig.objects.select_for_update().filter(store_id=store_id, provider=provider).first()
        )
        if config is None:
            raise NotFound
        before = state(config)
        if account is not None:
            config.account = dict(account)
        if credentials is not None:
            _seal(config, credentials)
        if enabled is not None:
            config.enabled = enabled
        if state(config) == before:
            return config
        config.version += 1
        config.updated_at = now
        config.save(update_fields=["account", "credentials_sealed", "enabled", "version", "updated_at"])
        publish(db, _event(config), now=now)
        record(db, "provider_config.changed", config, before=before, now=now)
    return config


def _seal(config: ProviderConfig, credentials: Mapping[str, str]) -> None:
    config.credentials_sealed = crypto.seal(orjson.dumps(dict(credentials)), aad=config.sealed_for())


def _event(config: ProviderConfig) -> ProviderConfigChanged:
    return ProviderConfigChanged(
        aggregate_id=f"merchant:{config.merchant_id}",
        psp_id=config.psp_id,
        merchant_id=config.merchant_id,
        store_id=config.store_id,
        provider=config.provider,
        version_number=config.version,
        enabled=config.enabled,
    )
