"""Payment methods: one code list for every document's spelling, aliases accepted at the edge."""

from enum import StrEnum


class PaymentMethodCode(StrEnum):
    """How a customer pays through the gateway. Cash never passes it."""

    QR_CODE = "qr_code"
    CREDIT_CARD = "credit_card"
    E_WALLET = "e_wallet"
    BANK_TRANSFER = "bank_transfer"
    CRYPTO = "crypto"


class CaptureMethod(StrEnum):
    """Whether the money is taken at once or held until the caller captures it."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


ALIASES = {"card": PaymentMethodCode.CREDIT_CARD, "promptpay": PaymentMethodCode.QR_CODE}


def method_code(text: str) -> PaymentMethodCode | None:
    """The code for a method's name or alias, or None when there is none."""
    if text in ALIASES:
        return ALIASES[text]
    return next((code for code in PaymentMethodCode if code.value == text), None)
