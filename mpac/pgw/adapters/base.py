"""What an adapter answers to calls that its provider does not have."""

from collections.abc import Callable
from typing import TypeVar

from mpac.pgw.adapters.http import Garbled
from mpac.pgw.adapters.port import (
    CaptureRequest,
    ChargeRequest,
    NotProcessed,
    OperationOutcome,
    Outcome,
    RefundRequest,
    Unknown,
)

NOT_SUPPORTED = NotProcessed(code="not_supported", message="The provider has no such call.")
CAPTURED_ONCE = NotProcessed(
    code="multiple_capture_not_supported", message="The provider captures a charge once."
)
INCOMPLETE = NotProcessed(code="credentials_incomplete", message="The account's credentials are incomplete.")
NOT_ASKED = Unknown(code="credentials_incomplete", message="The account's credentials are incomplete.")
NO_TOKEN = NotProcessed(code="payment_token_missing", message="A card charge needs a token.")
NOT_HELD = NotProcessed(code="capture_not_supported", message="This method cannot hold money.")
OTHER_CURRENCY = NotProcessed(code="currency_not_supported", message="This method has another currency.")
INEXACT = NotProcessed(code="amount_not_exact", message="The provider cannot express this amount.")
GARBLED = Unknown(code="garbled", message="The provider's answer cannot be read.")
_Read = TypeVar("_Read")


def guarded(read: Callable[[], _Read]) -> _Read | Unknown:
    """What is read, or doubt when it cannot be read."""
    try:
        return read()
    except Garbled:
        return GARBLED


class PaidAtOnce:
    """A provider whose payers agree and pay in one step: there is nothing to finish."""

    def finish(self, request: ChargeRequest) -> Outcome:
        return NOT_SUPPORTED


class ChargesOnly(PaidAtOnce):
    """A provider that takes money at once and gives none back by a call; adapters replace what theirs can do."""

    def capture(self, request: CaptureRequest) -> OperationOutcome:
        return NOT_SUPPORTED

    def probe_capture(self, request: CaptureRequest) -> OperationOutcome:
        return NOT_SUPPORTED

    def void(self, request: ChargeRequest) -> Outcome:
        return NOT_SUPPORTED

    def refund(self, request: RefundRequest) -> OperationOutcome:
        return NOT_SUPPORTED

    def probe_refund(self, request: RefundRequest) -> OperationOutcome:
        return NOT_SUPPORTED
