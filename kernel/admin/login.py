"""Signing in: address, password and one-time code at once, a limited number of times."""

import datetime as dt
from typing import Any

from django import forms
from django_otp import devices_for_user
from django_otp.admin import OTPAdminAuthenticationForm
from django_otp.models import Device

from kernel import clock
from kernel.admin.entrance import DEVICE, entrance
from kernel.errors import RateLimited

# One sentence for a wrong password and a wrong code: whoever guesses does not learn which half they have.
REFUSED = "The address, the password and the one-time code do not go together. A code works once."


class ConsoleLoginForm(OTPAdminAuthenticationForm):
    """Who has one authenticator need not say which."""

    error_messages = {"invalid_login": REFUSED, "inactive": REFUSED}
    otp_error_messages = {
        **OTPAdminAuthenticationForm.otp_error_messages,
        "token_required": REFUSED,
        "invalid_token": REFUSED,
        "n_failed_attempts": "Too many wrong codes. Wait a little and try again.",
    }

    otp_token = forms.CharField(
        required=False,
        label="One-time code",
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 6}
        ),
    )
    otp_device = forms.CharField(required=False, label="Authenticator", widget=forms.Select)

    def clean(self) -> dict[str, Any]:
        now = clock.now()
        counted = self._count(now)
        try:
            cleaned: dict[str, Any] = super().clean()
        except forms.ValidationError:
            entrance().refuse(counted, now=now)
            raise
        self.request.mpac_counted = counted
        return cleaned

    def _count(self, now: dt.datetime) -> Any:
        """Count this try against its account and its sender. Raises ValidationError when there were too many."""
        account = str(self.cleaned_data.get("username", ""))
        device_token = self.request.COOKIES.get(DEVICE, "")
        try:
            return entrance().count_try(email=account, device_token=device_token, now=now)
        except RateLimited as refused:
            wait = f"Too many tries. Try again in {refused.retry_after_s} s."
            raise forms.ValidationError(wait, code="too_many_tries") from None

    def _update_form(self, user: Any) -> None:
        """Offer the person's authenticators, but never send a password back."""
        self.fields["otp_device"].widget.choices = self.device_choices(user)

    def _chosen_device(self, user: Any) -> Any:
        chosen = super()._chosen_device(user)
        if chosen is None and not self.cleaned_data.get("otp_device"):
            held = list(devices_for_user(user))
            if len(held) == 1:
                return Device.from_persistent_id(held[0].persistent_id, for_verify=True)
        return chosen
