"""What the gateway refuses, and why.

NotFound                     a missing or foreign object; one message for all
Conflict
|-- IllegalIntentTransition  the intent's state does not lead there
`-- LatePaymentDecided       the late payment was decided otherwise
Invalid
|-- CurrencyNotAccepted, AmountTooLarge, MethodNotSupported, StoreNotUsable, ProviderNotUsable
|-- CaptureNotSupported, ExpiryOutOfRange, CardNumberRefused
`-- WebhookMalformed, WebhookRefused
"""

from kernel.errors import Conflict, Invalid


class IllegalIntentTransition(Conflict):
    """The payment intent's present state does not allow that."""

    code = "illegal_transition"


class LatePaymentDecided(Conflict):
    """The late payment has been decided otherwise."""

    code = "late_payment_decided"


class CurrencyNotAccepted(Invalid):
    """The currency is not accepted."""

    code = "currency_not_accepted"


class AmountTooLarge(Invalid):
    """The amount is beyond the limit for this currency."""

    code = "amount_too_large"


class MethodNotSupported(Invalid):
    """The payment method is not supported."""

    code = "method_not_supported"


class StoreNotUsable(Invalid):
    """The store is not known to the gateway, or not active."""

    code = "store_not_usable"


class ProviderNotUsable(Invalid):
    """The store has no enabled provider for this method and currency."""

    code = "provider_not_usable"


class CaptureNotSupported(Invalid):
    """The provider cannot hold money for a later capture."""

    code = "capture_not_supported"


class ExpiryOutOfRange(Invalid):
    """The payment intent would expire too soon or too late."""

    code = "expiry_out_of_range"


class CardNumberRefused(Invalid):
    """Card numbers are not accepted in free text."""

    code = "card_number_refused"


class WebhookMalformed(Invalid):
    """The notice is not one that this provider sends."""

    code = "webhook_malformed"


class WebhookRefused(Invalid):
    """The notice does not carry this provider's signature."""

    code = "webhook_refused"
