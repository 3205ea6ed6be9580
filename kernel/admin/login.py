"""Signing in: address, password and one-time code at once, a limited number of times."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django_otp import devices_for_user
from django_otp.admin import OTPAdminAuthenticationForm
from django_otp.models import Device

from kernel import clock, ratelimit
from kernel.addresses import client_address, network_of
from kernel.admin.scope import ConsoleUser
from kernel.ratelimit import Limit

PERIOD_S = 300
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
        self._count()
        try:
            cleaned: dict[str, Any] = super().clean()
        except forms.ValidationError:
            self._note(succeeded=False)
            raise
        self._note(succeeded=True)
        return cleaned

    def _note(self, *, succeeded: bool) -> None:
        """Leave a record of this try."""
        email = str(self.cleaned_data.get("username", ""))
        people = cast("type[ConsoleUser]", get_user_model())
        people.note_sign_in(email=email, succeeded=succeeded, now=clock.now())

    def _count(self) -> None:
        """Count this try against its account and its sender. Raises ValidationError when there were too many."""
        account = str(self.cleaned_data.get("username", "")).strip().lower()
        sender = network_of(client_address(self.request))
        rates = settings.MPAC_RATE_LIMITS
        decision = ratelimit.check(
            [
                Limit("sign-in-account", account, rates["sign_in_account"], PERIOD_S),
                Limit("sign-in-address", sender, rates["sign_in_address"], PERIOD_S),
            ]
        )
        if not decision.allowed:
            raise forms.ValidationError(
                f"Too many tries. Try again in {decision.retry_after_s} s.", code="too_many_tries"
            )

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
