"""The directory of payment service providers, merchants and stores: states, codes and where things are.

active <-> suspended -> closed          (closed is final; a closed row stays as a tombstone)
"""

import re
import zoneinfo
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from kernel.errors import FieldError, Invalid
from kernel.money import CURRENCIES
from mpac.portal.domain.business_profiles import tax_branch_errors, tax_number_errors
from mpac.portal.dto import Profile, ProfileChanges

CODE = re.compile(r"[A-Z0-9][A-Z0-9_.-]{0,63}")
PROVIDER = re.compile(r"[a-z][a-z0-9_]{1,31}")
DEFAULT_RATE_LIMIT_PER_MINUTE = 100
MAX_RATE_LIMIT_PER_MINUTE = 1_000_000

# ISO 3166-1 alpha-2.
_COUNTRY_CODES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY "
    "BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK "
    "FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR "
    "IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK "
    "ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF "
    "TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW "
)
COUNTRIES = frozenset(_COUNTRY_CODES.split())


class DirectoryStatus(StrEnum):
    """Whether a provider, merchant or store does business."""

    ACTIVE = "active"  # open for business, if everything above is, too
    SUSPENDED = "suspended"  # stopped for now: no tokens, no new payments below it
    CLOSED = "closed"  # gone for good; kept as a tombstone


TRANSITIONS: dict[DirectoryStatus, frozenset[DirectoryStatus]] = {
    DirectoryStatus.ACTIVE: frozenset({DirectoryStatus.SUSPENDED, DirectoryStatus.CLOSED}),
    DirectoryStatus.SUSPENDED: frozenset({DirectoryStatus.ACTIVE, DirectoryStatus.CLOSED}),
    DirectoryStatus.CLOSED: frozenset(),
}


def check_profile(profile: Profile) -> None:
    """Raise Invalid, naming every field of the profile that cannot be."""
    errors = _place_errors(country=profile.country, currency=profile.currency, time_zone=profile.time_zone)
    if not CODE.fullmatch(profile.code):
        errors.append(
            FieldError("code", "invalid_code", "1-64 capital letters, digits, dots, dashes or underscores")
        )
    if not profile.name.strip():
        errors.append(FieldError("name", "required", "a name is required"))
    if errors := errors + tax_errors(country=profile.country, details=profile.details):
        raise Invalid(errors=errors)


def tax_errors(*, country: str, details: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with the tax registration among an entry's details, where it is."""
    return [
        *tax_number_errors(country=country, number=details.get("tax_number", "")),
        *tax_branch_errors(country=country, branch=details.get("tax_branch", "")),
    ]


def check_changes(changes: ProfileChanges) -> None:
    """Raise Invalid, naming every changed field that cannot be."""
    errors = _place_errors(country=changes.country, currency=changes.currency, time_zone=changes.time_zone)
    if changes.name is not None and not changes.name.strip():
        errors.append(FieldError("name", "required", "a name is required"))
    if changes.status is not None and changes.status not in list(DirectoryStatus):
        errors.append(FieldError("status", "unknown_status", "active, suspended or closed"))
    rate = changes.rate_limit_per_minute
    if rate is not None and not 1 <= rate <= MAX_RATE_LIMIT_PER_MINUTE:
        errors.append(
            FieldError("rate_limit_per_minute", "out_of_range", f"1 to {MAX_RATE_LIMIT_PER_MINUTE}")
        )
    if errors:
        raise Invalid(errors=errors)


def check_provider(provider: str) -> None:
    """Raise Invalid for a text that cannot be a provider's name."""
    if not PROVIDER.fullmatch(provider):
        error = FieldError("provider", "invalid_provider", "2-32 small letters, digits or underscores")
        raise Invalid(errors=[error])


def _place_errors(*, country: str | None, currency: str | None, time_zone: str | None) -> list[FieldError]:
    errors = []
    if country is not None and country not in COUNTRIES:
        errors.append(FieldError("country", "unknown_country", "an ISO 3166-1 alpha-2 code"))
    if currency is not None and currency not in CURRENCIES:
        errors.append(FieldError("currency", "unknown_currency", "an ISO 4217 code"))
    if time_zone is not None and not _is_time_zone(time_zone):
        errors.append(FieldError("time_zone", "unknown_time_zone", "an IANA time zone such as Asia/Bangkok"))
    return errors


def _is_time_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
