"""Where somebody does business, under which tax number, and what they said of themselves when they signed up."""

import re
from typing import Annotated

import msgspec
from stdnum.exceptions import ValidationError
from stdnum.jp import cn
from stdnum.th import tin

from kernel.errors import FieldError

Line = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]

# A tax number elsewhere: letters, digits and what is put between them.
_ANYWHERE = re.compile(r"[A-Z0-9][A-Z0-9 ./-]{2,30}")
# The head office is 00000; Revenue Code, Director-General's notice 199.
_THAI_BRANCH = re.compile(r"[0-9]{5}")
_ANY_BRANCH = re.compile(r"[A-Za-z0-9-]{0,20}")


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A postal address; the country is the entry's own."""

    line1: Line
    city: Line
    line2: Line | None = None
    district: Line | None = None
    region: Line | None = None
    postal_code: Short | None = None


class Onboarding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a merchant told its provider when it signed up (SalesArck: tenants.onboarding_profile and
    pos_provider_preference). Nothing hangs on it but what people read in it.
    """

    legal_name: Line | None = None
    business_type: Short | None = None
    merchant_category_code: Annotated[str, msgspec.Meta(pattern="^[0-9]{4}$")] | None = None
    website: Annotated[str, msgspec.Meta(max_length=300, pattern=r"^https?://[^\s/]+(/\S*)?$")] | None = None
    contact_name: Line | None = None
    contact_email: Annotated[str, msgspec.Meta(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    contact_phone: Annotated[str, msgspec.Meta(pattern=r"^\+[0-9]{6,15}$")] | None = None
    seats: Annotated[int, msgspec.Meta(ge=0, le=100_000)] | None = None
    expected_monthly_volume: Annotated[int, msgspec.Meta(ge=0, le=10**15)] | None = None
    pos_provider_preference: Annotated[str, msgspec.Meta(pattern="^(square|clover|other)$")] | None = None
    opening_hours: Annotated[dict[Short, Line], msgspec.Meta(max_length=14)] | None = None
    notes: Annotated[str, msgspec.Meta(max_length=2000)] | None = None


def tax_number_errors(*, country: str, number: str) -> list[FieldError]:
    """What is wrong with a tax number of this country. Nothing is wrong with an empty one: not everybody is registered.

    Thailand: 13 digits with a check digit. Japan: `T` and a corporate number, or 13 digits that a sole trader was given.
    """
    if not number:
        return []
    if country == "TH" and not _is_valid(tin.validate, number):
        return [FieldError("tax_number", "invalid_tax_number", "13 digits whose last one fits the others")]
    if country == "JP" and not (number.startswith("T") and _is_valid(cn.validate, number[1:])):
        return [
            FieldError("tax_number", "invalid_tax_number", "T and 13 digits whose first one fits the others")
        ]
    if not _ANYWHERE.fullmatch(number):
        return [FieldError("tax_number", "invalid_tax_number", "3-31 capital letters, digits, spaces, ./-")]
    return []


def tax_branch_errors(*, country: str, branch: str) -> list[FieldError]:
    """What is wrong with the number that a store has at its tax office; Thai ones have five digits."""
    if not branch or (_THAI_BRANCH if country == "TH" else _ANY_BRANCH).fullmatch(branch):
        return []
    return [
        FieldError("tax_branch", "invalid_tax_branch", "five digits in Thailand, 00000 for the head office")
    ]


def _is_valid(validate: object, number: str) -> bool:
    if not (number.isascii() and number.isdigit()):
        return False
    try:
        validate(number)  # type: ignore[operator]
    except ValidationError:
        return False
    return True
