"""What portal's endpoints take."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from kernel.rest import Body, CurrencyCode, PageQuery
from mpac.portal.domain.business_profiles import Address, Onboarding
from mpac.portal.domain.hierarchy import COUNTRIES

# Begins with a visible character and holds no control characters.
Text = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x20\x7f-\xa0\s][^\x00-\x1f\x7f-\x9f]*$"),
]
Code = Annotated[str, msgspec.Meta(pattern="^[A-Z0-9][A-Z0-9_.-]{0,63}$", max_length=64)]
Country = Annotated[
    str,
    msgspec.Meta(title="CountryCode", pattern="^[A-Z]{2}$", extra_json_schema={"enum": sorted(COUNTRIES)}),
]
# Which names there are is up to the system's time zone data.
TimeZone = Annotated[
    str,
    msgspec.Meta(
        max_length=64,
        pattern="^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$",
        examples=["Asia/Bangkok", "Europe/Zurich"],
        extra_json_schema={"description": "A name of the IANA time zone database."},
    ),
]
IntId = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
TaxNumber = Annotated[str, msgspec.Meta(max_length=32)]
TaxBranch = Annotated[str, msgspec.Meta(max_length=20)]
TimeOfDay = Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
RateLimit = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Status = Literal["active", "suspended", "closed"]
Provider = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{1,31}$")]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Value = Annotated[str, msgspec.Meta(max_length=4096)]
Credentials = Annotated[dict[Key, Value], msgspec.Meta(min_length=1, max_length=20)]
Account = Annotated[dict[Key, Value], msgspec.Meta(max_length=20)]
Reason = Annotated[str, msgspec.Meta(max_length=500)]


Jwt = Annotated[str, msgspec.Meta(max_length=4096, pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}$")]
# For the document; what is wrong with a key is said by the domain.
P256_KEY = {
    "required": ["kty", "crv", "x", "y"],
    "properties": {
        "kty": {"const": "EC"},
        "crv": {"const": "P-256"},
        "x": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
        "y": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
        "kid": {"type": "string", "pattern": "^[!-~]{1,128}$"},
        "d": False,
    },
}


class CreatePsp(Body):
    code: Code
    name: Text
    country: Country
    currency: CurrencyCode
    time_zone: TimeZone
    rate_limit_per_minute: RateLimit = 100
    address: Address | None = None


class CreateMerchant(Body):
    """What is left out is as at the provider."""

    code: Code
    name: Text
    psp_id: IntId | None = None
    country: Country | None = None
    currency: CurrencyCode | None = None
    time_zone: TimeZone | None = None
    address: Address | None = None
    tax_number: TaxNumber = ""
    onboarding: Onboarding | None = None


class CreateStore(Body):
    """What is left out is as at the merchant."""

    merchant_id: IntId
    code: Code
    name: Text
    country: Country | None = None
    currency: CurrencyCode | None = None
    time_zone: TimeZone | None = None
    address: Address | None = None
    tax_branch: TaxBranch = ""
    business_day_starts_at: TimeOfDay = "00:00"


class UpdateEntry(Body):
    """What is left out stays as it is."""

    name: Text | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    country: Country | UnsetType = UNSET
    currency: CurrencyCode | UnsetType = UNSET
    time_zone: TimeZone | UnsetType = UNSET
    address: Address | UnsetType | None = UNSET


class UpdatePsp(UpdateEntry):
    rate_limit_per_minute: RateLimit | UnsetType = UNSET


class UpdateMerchant(UpdateEntry):
    tax_number: TaxNumber | UnsetType = UNSET
    onboarding: Onboarding | UnsetType | None = UNSET


class UpdateStore(UpdateEntry):
    tax_branch: TaxBranch | UnsetType = UNSET
    business_day_starts_at: TimeOfDay | UnsetType = UNSET


class ListEntries(PageQuery):
    code: Code | None = None
    status: Status | None = None


class ListStores(ListEntries):
    merchant_id: IntId | None = None


class CreateProviderConfig(Body):
    provider: Provider
    credentials: Credentials
    account: Account = {}
    enabled: bool = True


class UpdateProviderConfig(Body):
    """Credentials are replaced as a whole and never shown."""

    credentials: Credentials | UnsetType = UNSET
    account: Account | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class RegisterDevice(Body):
    name: Text
    serial_number: Annotated[str, msgspec.Meta(pattern="^[!-~]([ -~]*[!-~])?$", max_length=64)]
    model: Annotated[str, msgspec.Meta(max_length=100)] = ""


class ListDevices(PageQuery):
    status: Literal["registered", "active", "suspended", "revoked"] | None = None


class ChangeDeviceStatus(Body):
    reason: Reason = ""


class ActivateDevice(Body):
    """`proof` is a JWT signed by the terminal's key: iss = sub = the serial number, aud = the issuer, exp within 300 s."""

    activation_code: Annotated[str, msgspec.Meta(min_length=8, max_length=40)]
    public_jwk: Annotated[dict[str, object], msgspec.Meta(max_length=20, extra_json_schema=P256_KEY)]
    proof: Jwt


class TokenRequest(Body, forbid_unknown_fields=False):
    """The form of RFC 6749 section 4.4.2 with a client assertion of RFC 7523 section 2.2."""

    schema = {"additionalProperties": {"type": "string"}}

    grant_type: Literal["client_credentials"]
    client_assertion_type: Literal["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    client_assertion: Annotated[str, msgspec.Meta(min_length=1)]
    scope: Literal["device"] = "device"
