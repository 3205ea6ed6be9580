"""Authenticator apps of people: TOTP whose shared secret is sealed at rest."""

import datetime as dt
from base64 import b32encode
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django_otp.models import Device as OtpDevice
from django_otp.models import DeviceManager, TimestampMixin
from django_otp.oath import TOTP

from kernel import crypto
from kernel.schema import TableRules

STEP_S = 30
DIGITS = 6
TOLERANCE_STEPS = 1


class Authenticator(TimestampMixin, OtpDevice):
    """One authenticator of one person. A code works once: `last_step` only rises.

    It is a device of django-otp's; its own would keep the shared secret in the clear.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="authenticators"
    )
    secret_sealed = models.TextField()
    last_step = models.BigIntegerField(default=-1)
    # The sign-in that sets this one up, for who had none and needs one.
    challenge_id = models.UUIDField(null=True)

    objects: ClassVar[Any] = DeviceManager()
    rules = TableRules(
        tenant=None,
        deletable=True,
        reason="belongs to a person, who belongs to no tenant",
        sealed=("secret_sealed",),
    )

    class Meta(OtpDevice.Meta):
        db_table = "authenticators"

    def seal_secret(self, secret: bytes) -> None:
        """Keep `secret` for this device's person."""
        self.secret_sealed = crypto.seal(secret, aad=self.sealed_for())

    def base32_secret(self) -> str:
        """The secret as authenticator apps take it; shown once, when the device is set up."""
        return b32encode(self._secret()).decode()

    def use_code(self, code: str, *, now: dt.datetime) -> bool:
        """Whether `code` is one of this moment that was not used before; it is used up. Tries are counted by who asks."""
        step = self._step_of(code, now.timestamp())
        return step is not None and self._spend(step, last_used_at=now)

    def confirm(self, code: str, *, now: dt.datetime) -> bool:
        """Let a new authenticator count, because it shows a right code; that code is used up."""
        step = self._step_of(code, now.timestamp())
        if step is None or not self._spend(step, confirmed=True, last_used_at=now):
            return False
        self.confirmed = True
        return True

    def _step_of(self, code: str, at: float) -> int | None:
        """The time step whose code this is, later than any that was used; None when it is none."""
        digits = str(code).strip()
        if len(digits) != DIGITS or not digits.isascii() or not digits.isdigit():
            return None
        totp = TOTP(self._secret(), step=STEP_S, digits=DIGITS)
        totp.time = at
        if not totp.verify(int(digits), tolerance=TOLERANCE_STEPS, min_t=self.last_step + 1):
            return None
        return int(totp.t())

    def _spend(self, step: int, **noted: Any) -> bool:
        """Use a step up; False when somebody else has meanwhile."""
        unused = Authenticator.objects.filter(pk=self.pk, last_step__lt=step)
        if not unused.update(last_step=step, **noted):
            return False
        self.last_step = step
        return True

    def _secret(self) -> bytes:
        return crypto.open_sealed(self.secret_sealed, aad=self.sealed_for())

    def sealed_for(self) -> str:
        """What this row's secret is bound to."""
        return f"portal.authenticators.secret:{self.user_id}"
