"""What portal's endpoints answer."""

from typing import Any, Literal

import msgspec
import segno

from kernel import ids
from kernel.clock import rfc3339
from kernel.rest import Instant, View
from mpac.portal import conf
from mpac.portal.domain.activation import qr_payload
from mpac.portal.domain.business_profiles import Address, Onboarding
from mpac.portal.dto import AccessToken, Activation
from mpac.portal.models import Device, Merchant, ProviderConfig, Psp, Store
from mpac.portal.models.device import PREFIX as DEVICE
from mpac.portal.services.devices import RegisteredDevice


class AddressView(Address, frozen=True, omit_defaults=False):
    """A postal address; the country is the entry's own."""


class OnboardingView(Onboarding, frozen=True, omit_defaults=False):
    """What a merchant told its provider when it signed up."""


class DirectoryEntryView(View, kw_only=True):
    """What providers, merchants and stores have in common."""

    id: int
    created_at: Instant
    updated_at: Instant
    code: str
    name: str
    status: str
    country: str
    currency: str
    time_zone: str
    address: AddressView | None
    version: int


class PspView(DirectoryEntryView, kw_only=True):
    rate_limit_per_minute: int
    object: Literal["psp"] = "psp"


class MerchantView(DirectoryEntryView, kw_only=True):
    psp_id: int
    tax_number: str
    onboarding: OnboardingView
    object: Literal["merchant"] = "merchant"


class StoreView(DirectoryEntryView, kw_only=True):
    psp_id: int
    merchant_id: int
    tax_branch: str
    business_day_starts_at: str
    object: Literal["store"] = "store"


class ProviderConfigView(View, kw_only=True):
    """The credentials are never shown; that there are some is."""

    id: str
    psp_id: int
    merchant_id: int
    store_id: int
    created_at: Instant
    updated_at: Instant
    provider: str
    account: dict[str, str]
    enabled: bool
    livemode: bool
    version: int
    object: Literal["provider_config"] = "provider_config"


class DeviceView(View, kw_only=True):
    id: str
    psp_id: int
    merchant_id: int
    store_id: int
    created_at: Instant
    updated_at: Instant
    name: str
    model: str
    serial_number: str
    status: str
    livemode: bool
    key_id: str | None
    activated_at: Instant | None
    activation_expires_at: Instant | None
    labels: dict[str, str]
    replaces: str | None
    object: Literal["device"] = "device"


class RegisteredDeviceView(DeviceView, kw_only=True):
    """The activation code is shown here and never again, in words, as what its picture says, and as the picture, an SVG in a
    data URI. All are null when the terminal has bound its key already.
    """

    activation_code: str | None
    activation_qr_payload: str | None
    activation_qr: str | None


class OwnDeviceView(DeviceView, kw_only=True):
    """A terminal's view of itself and of where it stands."""

    store: StoreView


class ActivationView(View, kw_only=True):
    """What a terminal needs to ask for tokens."""

    id: str
    created_at: Instant
    activated_at: Instant
    device_id: str
    client_id: str
    key_id: str
    issuer: str
    token_endpoint: str
    object: Literal["device_activation"] = "device_activation"


class TokenView(View, kw_only=True):
    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str


class OAuthError(View, kw_only=True):
    """An error of RFC 6749 section 5.2."""

    error: Literal[
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    ]
    error_description: str


class Jwk(View, kw_only=True):
    kty: str
    crv: str
    x: str
    y: str
    kid: str
    use: str
    alg: str


class JwkSet(View, kw_only=True):
    keys: list[Jwk]


class ServerMetadata(View, kw_only=True):
    """RFC 8414."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    grant_types_supported: list[str]
    response_types_supported: list[str]
    scopes_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    service_documentation: str


def psp(entry: Psp) -> PspView:
    """A provider as the API shows it."""
    return PspView(**_shared(entry), rate_limit_per_minute=entry.rate_limit_per_minute)


def merchant(entry: Merchant) -> MerchantView:
    """A merchant as the API shows it."""
    return MerchantView(
        **_shared(entry),
        psp_id=entry.psp_id,
        tax_number=entry.tax_number,
        onboarding=msgspec.convert(entry.onboarding, OnboardingView),
    )


def store(entry: Store) -> StoreView:
    """A store as the API shows it."""
    return StoreView(
        **_shared(entry),
        psp_id=entry.psp_id,
        merchant_id=entry.merchant_id,
        tax_branch=entry.tax_branch,
        business_day_starts_at=entry.business_day_starts_at.strftime("%H:%M"),
    )


def provider_config(config: ProviderConfig) -> ProviderConfigView:
    """A provider account as the API shows it: without its credentials."""
    return ProviderConfigView(
        id=config.public_id,
        psp_id=config.psp_id,
        merchant_id=config.merchant_id,
        store_id=config.store_id,
        created_at=rfc3339(config.created_at),
        updated_at=rfc3339(config.updated_at),
        provider=config.provider,
        account=config.account,
        enabled=config.enabled,
        livemode=config.livemode,
        version=config.version,
    )


def device(entry: Device) -> DeviceView:
    """A terminal as the API shows it."""
    code_expires_at = entry.activation_expires_at if entry.status == "registered" else None
    return DeviceView(
        id=entry.public_id,
        psp_id=entry.psp_id,
        merchant_id=entry.merchant_id,
        store_id=entry.store_id,
        created_at=rfc3339(entry.created_at),
        updated_at=rfc3339(entry.updated_at),
        name=entry.name,
        model=entry.model,
        serial_number=entry.serial_number,
        status=str(entry.status),
        livemode=entry.livemode,
        key_id=entry.key_id or None,
        activated_at=rfc3339(entry.activated_at) if entry.activated_at else None,
        activation_expires_at=rfc3339(code_expires_at) if code_expires_at else None,
        labels=entry.labels,
        replaces=ids.encode(DEVICE, entry.replaces_id) if entry.replaces_id else None,
    )


def registered_device(registered: RegisteredDevice) -> RegisteredDeviceView:
    """A terminal with the code that activates it."""
    shown = msgspec.structs.asdict(device(registered.device))
    return RegisteredDeviceView(
        **shown, **shown_code(registered.activation_code, serial_number=registered.device.serial_number)
    )


def shown_code(code: str | None, *, serial_number: str) -> dict[str, Any]:
    """A one-time code as people and terminals read it."""
    if code is None:
        return {"activation_code": None, "activation_qr_payload": None, "activation_qr": None}
    payload = qr_payload(code, serial_number=serial_number, issuer=conf.issuer())
    picture = segno.make(payload, micro=False).svg_data_uri(scale=4)
    return {"activation_code": code, "activation_qr_payload": payload, "activation_qr": picture}


def own_device(entry: Device, *, at: Store) -> OwnDeviceView:
    """A terminal as it sees itself."""
    return OwnDeviceView(**msgspec.structs.asdict(device(entry)), store=store(at))


def activation(done: Activation) -> ActivationView:
    """The answer to a successful activation."""
    device_id = ids.encode(DEVICE, done.device_id)
    return ActivationView(
        id=device_id,
        created_at=rfc3339(done.created_at),
        activated_at=rfc3339(done.activated_at),
        device_id=device_id,
        client_id=device_id,
        key_id=done.key_id,
        issuer=conf.issuer(),
        token_endpoint=conf.token_endpoint(),
    )


def token(issued: AccessToken) -> TokenView:
    """The answer of the token endpoint (RFC 6749 section 5.1)."""
    return TokenView(
        access_token=issued.access_token,
        token_type="Bearer",  # noqa: S106  (the name of a scheme)
        expires_in=issued.expires_in,
        scope=issued.scope,
    )


def _shared(entry: Psp | Merchant | Store) -> dict[str, Any]:
    """What every entry of the directory shows."""
    return {
        "id": entry.id,
        "created_at": rfc3339(entry.created_at),
        "updated_at": rfc3339(entry.updated_at),
        "code": entry.code,
        "name": entry.name,
        "status": str(entry.status),
        "country": entry.country,
        "currency": entry.currency,
        "time_zone": entry.time_zone,
        "address": msgspec.convert(entry.address, AddressView) if entry.address else None,
        "version": entry.version,
    }
