"""Which passwords people may not choose, beside short ones: what many chose before them, and what they had themselves."""

import re
from typing import TYPE_CHECKING, Any

from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from kernel.tenancy import SystemScope, current_scope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.models.login import FormerPassword

if TYPE_CHECKING:
    from mpac.portal.models.user import User

LONGEST = 256
# What people put around a password that was too short: digits and signs at its ends.
_TRIMMED = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_REPEATED = re.compile(r"(.+?)\1+")
# What people write for letters.
_LETTERS = str.maketrans("@$!013457", "asioieast")


class BreachedPasswordValidator(CommonPasswordValidator):
    """Refuses the bundled 20,000 passwords that leaked most often, and what people make of them to get past a rule: with
    digits and signs around them, doubled, or with signs for letters.
    """

    def validate(self, password: str, user: Any = None) -> None:
        if any(form in self.passwords for form in forms_of(password)):
            raise ValidationError(
                "This password is made of one that is known from leaks.", code="password_breached"
            )


class NotUsedBeforeValidator:
    """Refuses a person's present password and those just before it."""

    def validate(self, password: str, user: "User | None" = None) -> None:
        if user is None or user.pk is None:
            return
        with atomic(current_scope(db.alias) or SystemScope("authentication")):
            former = FormerPassword.objects.filter(user_id=user.pk).order_by("-id")
            kept = list(former.values_list("password_hash", flat=True)[: conf.PASSWORDS_REMEMBERED])
        if any(check_password(password, each) for each in kept):
            raise ValidationError(
                f"This password is one of your last {conf.PASSWORDS_REMEMBERED}.", code="password_used_before"
            )

    def get_help_text(self) -> str:
        return f"Your password must not be one of your last {conf.PASSWORDS_REMEMBERED}."


class LengthValidator:
    """Refuses what no person types, and what would only cost time to hash."""

    def validate(self, password: str, user: Any = None) -> None:
        if len(password) > LONGEST:
            raise ValidationError(f"A password has at most {LONGEST} characters.", code="password_too_long")

    def get_help_text(self) -> str:
        return f"Your password must have at most {LONGEST} characters."


def forms_of(password: str) -> set[str]:
    """A password and the simpler ones that it may be made of, in small letters."""
    whole = password.lower().strip()
    forms = {whole, whole.translate(_LETTERS)}
    forms |= {_TRIMMED.sub("", form) for form in forms}
    for form in tuple(forms):
        if repeated := _REPEATED.fullmatch(form):
            forms |= {repeated[1], _TRIMMED.sub("", repeated[1])}
    return forms - {""}
