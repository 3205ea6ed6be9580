"""PayPay behind the port: a dynamic code that the customer scans, holds, refunds; its notices only make us ask.

A code is shown once: the same call again is refused, and no question gives the code back. So a charge whose answer was
lost is ended, unless it turns out that it was paid.
"""

import datetime as dt
from collections.abc import Mapping

from kernel.errors import DomainError
from mpac.pgw.adapters.base import (
    CAPTURED_ONCE,
    INCOMPLETE,
    INEXACT,
    NOT_ASKED,
    OTHER_CURRENCY,
    PaidAtOnce,
    guarded,
)
from mpac.pgw.adapters.http import Failure, is_sendable
from mpac.pgw.adapters.paypay import protocol
from mpac.pgw.adapters.paypay.client import PayPayCalls, PayPayClient
from mpac.pgw.adapters.paypay.protocol import Payment, Reply
from mpac.pgw.adapters.port import (
    Authorized,
    Capabilities,
    CaptureRequest,
    ChargeRequest,
    NeverHeard,
    OperationOutcome,
    Outcome,
    Pending,
    ProviderAccount,
    RefundRequest,
    RefundSupport,
    Unknown,
    Voided,
    WebhookHint,
    WebhookTrust,
)
from mpac.pgw.domain.methods import PaymentMethodCode

CODES, PAYMENTS, REFUNDS = "/v2/codes", "/v2/payments", "/v2/refunds"
CAPTURE, REVERT = f"{PAYMENTS}/capture", f"{PAYMENTS}/preauthorize/revert"
REQUIRED_CREDENTIALS = ("api_key", "api_secret", "merchant_id")


class PayPayAdapter(PaidAtOnce):
    """Dynamic codes at PayPay."""

    name = protocol.NAME
    capabilities = Capabilities(
        methods=frozenset({PaymentMethodCode.QR_CODE, PaymentMethodCode.E_WALLET}),
        currencies=frozenset({protocol.CURRENCY}),
        manual_capture=True,
        probe=True,
        reissue=True,
        customer_initiated=True,
        webhook_trust=WebhookTrust.HINT,
        max_amount_minor=10**11 - 1,
        partial_capture=True,
        void=True,
        refund=RefundSupport.PARTIAL,
        statement="paypay",
    )

    def __init__(self, client: PayPayClient | None = None) -> None:
        self._client = client or PayPayClient()

    def create(self, request: ChargeRequest) -> Outcome:
        """Make a code. One that was made before under this key is lost, so that charge is ended."""
        if not _is_complete(request):
            return INCOMPLETE
        if request.amount.currency != protocol.CURRENCY:
            return OTHER_CURRENCY
        try:
            fields = protocol.code_fields(request)
        except DomainError:
            return INEXACT
        calls = self._client.open(request)
        reply = calls.send("POST", CODES, fields)
        return reply.outcome() if isinstance(reply, Failure) else _created(calls, reply, request)

    def probe(self, request: ChargeRequest) -> Outcome:
        """Read the payment by our key."""
        if not _is_complete(request):
            return NOT_ASKED
        return _probe(self._client.open(request), request)

    def capture(self, request: CaptureRequest) -> OperationOutcome:
        """Take held money, once. Where that is refused, the payment's own state may tell that it was taken before."""
        if not request.final:
            return CAPTURED_ONCE
        if not _is_complete(request.charge):
            return INCOMPLETE
        try:
            fields = protocol.capture_fields(request)
        except DomainError:
            return INEXACT
        calls = self._client.open(request.charge)
        reply = calls.send("POST", CAPTURE, fields)
        return reply.outcome() if isinstance(reply, Failure) else _captured(calls, reply, request)

    def probe_capture(self, request: CaptureRequest) -> OperationOutcome:
        """Read the payment: it is captured once or not at all."""
        if not _is_complete(request.charge):
            return NOT_ASKED
        return _probe_capture(self._client.open(request.charge), request)

    def void(self, request: ChargeRequest) -> Outcome:
        """Make the code unpayable, or let held money go. Money that was taken stays."""
        return _end(self._client.open(request), request) if _is_complete(request) else NOT_ASKED

    def refund(self, request: RefundRequest) -> OperationOutcome:
        """Give money back; under its key the same call again is the same refund."""
        if not _is_complete(request.charge):
            return INCOMPLETE
        try:
            fields = protocol.refund_fields(request)
        except DomainError:
            return INEXACT
        reply = self._client.open(request.charge).send("POST", REFUNDS, fields)
        if isinstance(reply, Failure):
            return reply.outcome()
        if reply.is_success:
            return guarded(lambda: protocol.refund_outcome(reply.data))
        return protocol.refusal(reply)

    def probe_refund(self, request: RefundRequest) -> OperationOutcome:
        """Read the refund by our key."""
        if not _is_complete(request.charge):
            return NOT_ASKED
        reply = self._client.open(request.charge).send("GET", f"{REFUNDS}/{request.operation_key}")
        if isinstance(reply, Failure):
            return reply.doubt()
        if reply.code == protocol.REFUND_UNKNOWN:
            return NeverHeard()
        if not reply.is_success:
            return protocol.doubt(reply)
        return guarded(lambda: protocol.refund_outcome(reply.data))

    def read_webhook(
        self, *, headers: Mapping[str, str], body: bytes, account: ProviderAccount | None, now: dt.datetime
    ) -> WebhookHint:
        """What a notice is about; it proves nothing. Raises WebhookMalformed."""
        return protocol.read_notice(body)


def _created(calls: PayPayCalls, reply: Reply, request: ChargeRequest) -> Outcome:
    if reply.is_success:
        return guarded(lambda: protocol.shown_code(reply.data, request))
    return _end(calls, request) if reply.code == protocol.DUPLICATE else protocol.refusal(reply)


def _captured(calls: PayPayCalls, reply: Reply, request: CaptureRequest) -> OperationOutcome:
    if reply.is_success:
        return guarded(lambda: protocol.capture_outcome(protocol.read_payment(reply.data), request))
    refused = protocol.refusal(reply)
    found = refused if isinstance(refused, Unknown) else _probe_capture(calls, request)
    return refused if isinstance(found, NeverHeard) else found


def _find(calls: PayPayCalls, request: ChargeRequest) -> Payment | Unknown | None:
    """The payment under our key; None where the provider was reached and has none."""
    reply = calls.send("GET", f"{CODES}/payments/{request.provider_key}")
    if isinstance(reply, Failure):
        return reply.doubt()
    if reply.code == protocol.PAYMENT_UNKNOWN:
        return None
    if not reply.is_success:
        return protocol.doubt(reply)
    return guarded(lambda: protocol.read_payment(reply.data))


def _probe(calls: PayPayCalls, request: ChargeRequest) -> Outcome:
    payment = _find(calls, request)
    if isinstance(payment, Payment):
        return guarded(lambda: protocol.payment_outcome(payment))
    return payment or Pending()


def _probe_capture(calls: PayPayCalls, request: CaptureRequest) -> OperationOutcome:
    payment = _find(calls, request.charge)
    if isinstance(payment, Payment):
        return guarded(lambda: protocol.capture_outcome(payment, request))
    return payment or NeverHeard()


def _end(calls: PayPayCalls, request: ChargeRequest) -> Outcome:
    """Let the charge go before money was taken; what it is by then, where that cannot be."""
    found = _probe(calls, request)
    match found:
        case Pending():
            reply = _withdraw(calls, request)
        case Authorized(reference=payment_id):
            reply = calls.send("POST", REVERT, protocol.revert_fields(request, payment_id=payment_id))
        case _:
            return found
    if isinstance(reply, Failure):
        return reply.doubt()
    if reply.is_success:
        return Voided()
    if isinstance(protocol.refusal(reply), Unknown):
        return protocol.doubt(reply)
    after = _probe(calls, request)
    is_refused = type(after) is type(found) and reply.code != protocol.ORDER_UNKNOWN
    return protocol.doubt(reply) if is_refused else after


def _withdraw(calls: PayPayCalls, request: ChargeRequest) -> Reply | Failure:
    """Delete the code. Where nobody told us its id, end the payment under our key; an accepted call ends it for good."""
    code = request.provider_reference
    if code and protocol.is_code(code):
        return calls.send("DELETE", f"{CODES}/{code}")
    return calls.send("DELETE", f"{PAYMENTS}/{request.provider_key}")


def _is_complete(request: ChargeRequest) -> bool:
    credentials = request.account.credentials
    return is_sendable(*(credentials.get(name) for name in REQUIRED_CREDENTIALS))
