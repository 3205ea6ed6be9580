"""What an adapter answers to calls that its provider does not have."""

from mpac.pgw.adapters.port import (
    CaptureRequest,
    ChargeRequest,
    NotProcessed,
    OperationOutcome,
    Outcome,
    RefundRequest,
)

NOT_SUPPORTED = NotProcessed(code="not_supported", message="The provider has no such call.")


class ChargesOnly:
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
