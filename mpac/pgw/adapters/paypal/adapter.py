"""PayPal behind the port: orders that their payer approves and we finish, holds captured in parts, refunds, disputes.

An order moves no money: its payer approves it at PayPal, and only our call captures or authorizes it, once. While a charge is
open its reference is the order's id; money has the id of its capture. Orders cannot be listed, but none was shown whose id
we do not know, and the same call under its key gives the same order.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from http import HTTPStatus

from kernel.errors import DomainError
from mpac.pgw.adapters.base import GARBLED, INCOMPLETE, INEXACT, NOT_ASKED, OTHER_CURRENCY, guarded
from mpac.pgw.adapters.http import Failure, Reply, is_sendable
from mpac.pgw.adapters.paypal import protocol
from mpac.pgw.adapters.paypal.certificates import Certificates
from mpac.pgw.adapters.paypal.client import PayPalCalls, PayPalClient
from mpac.pgw.adapters.paypal.notices import read_notice
from mpac.pgw.adapters.port import (
    ByHand,
    Capabilities,
    CaptureRequest,
    ChargeRequest,
    Declined,
    NeverHeard,
    NotProcessed,
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

ORDERS, HOLDS, CAPTURES, REFUNDS = (
    "/v2/checkout/orders",
    "/v2/payments/authorizations",
    "/v2/payments/captures",
    "/v2/payments/refunds",
)
REFUSED_UNPROCESSED = frozenset({400, 401, 403, 404, 405, 415, 422, 429})
# The payer or the account may not pay; another call would be told the same.
DECLINES = frozenset(
    {
        *("COMPLIANCE_VIOLATION", "INSTRUMENT_DECLINED", "PAYEE_ACCOUNT_LOCKED_OR_CLOSED"),
        *("PAYEE_ACCOUNT_RESTRICTED", "PAYEE_BLOCKED_TRANSACTION", "PAYER_ACCOUNT_LOCKED_OR_CLOSED"),
        *(
            "PAYER_ACCOUNT_RESTRICTED",
            "PAYER_CANNOT_PAY",
            "TRANSACTION_REFUSED",
            "TRANSACTION_LIMIT_EXCEEDED",
        ),
        *("TRANSACTION_RECEIVING_LIMIT_EXCEEDED", "TRANSACTION_BLOCKED_BY_PAYEE"),
        *("AUTHORIZATION_VOIDED", "AUTHORIZATION_EXPIRED", "AUTHORIZATION_DENIED"),
        *("CAPTURE_FULLY_REFUNDED", "REFUND_NOT_ALLOWED"),
        "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK",
    }
)
# PayPal gives back what was captured for half a year; after that people send it.
LEFT_TO_PEOPLE = "REFUND_TIME_LIMIT_EXCEEDED"
# What was asked for may have been done before.
MAYBE_DONE = frozenset({"DUPLICATE_INVOICE_ID", "PREVIOUS_REQUEST_IN_PROGRESS"})
NOT_AGREED = frozenset({"ORDER_NOT_APPROVED", "PAYER_ACTION_REQUIRED"})
ENDED = frozenset({"ORDER_EXPIRED", "ORDER_VOIDED"})
NOT_SHOWN = Unknown(code="order_unknown", message="There is no order to finish.")
NO_HOLD = NotProcessed(code="authorization_unknown", message="There is no money held for the charge.")
NO_PAYMENT = Unknown(code="capture_unknown", message="PayPal does not know the payment.")


class PayPalAdapter:
    """A payer's PayPal account."""

    name = protocol.NAME
    capabilities = Capabilities(
        methods=frozenset({PaymentMethodCode.E_WALLET}),
        currencies=protocol.CURRENCIES,
        manual_capture=True,
        probe=True,
        reissue=True,
        customer_initiated=True,
        webhook_trust=WebhookTrust.SIGNED,
        max_amount_minor=999_999_999,
        partial_capture=True,
        multiple_capture=True,
        void=True,
        refund=RefundSupport.PARTIAL,
        disputes=True,
        statement="paypal",
    )

    def __init__(self, client: PayPalClient | None = None, certificates: Certificates | None = None) -> None:
        self._client = client or PayPalClient()
        self._certificates = certificates or Certificates()

    def create(self, request: ChargeRequest) -> Outcome:
        """Make the order; under its key the same call again gives the same one."""
        if not _is_complete(request):
            return INCOMPLETE
        if not self.capabilities.accepts(method=request.method, currency=request.amount.currency):
            return OTHER_CURRENCY
        try:
            fields = protocol.order_fields(request)
        except DomainError:
            return INEXACT
        reply = self._client.open(request).post(ORDERS, fields, key=request.provider_key)
        if isinstance(reply, Failure):
            return reply.outcome()
        return guarded(lambda: _ordered(reply, request) if reply.is_success else _refused(reply))

    def probe(self, request: ChargeRequest) -> Outcome:
        """Read the order. One whose id we never learned was never shown, and holds no money."""
        if not _is_complete(request):
            return NOT_ASKED
        if not request.provider_reference:
            return self._reached(request)
        order = self._order(request)
        if isinstance(order, Unknown):
            return order
        return guarded(lambda: protocol.order_outcome(order, request=request)) if order else Pending()

    def finish(self, request: ChargeRequest) -> Outcome:
        """Capture the approved order, or authorize it. PayPal does either once; what was done before is the answer then."""
        if not _is_complete(request):
            return NOT_ASKED
        if not request.provider_reference:
            return NOT_SHOWN
        path = f"{ORDERS}/{request.provider_reference}/{'capture' if request.capture else 'authorize'}"
        reply = self._client.open(request).post(path, {}, key=f"{request.provider_key}-finish")
        if isinstance(reply, Failure):
            return reply.outcome()
        if reply.is_success:
            return guarded(lambda: _ordered(reply, request))
        return guarded(lambda: _unfinished(reply)) or self.probe(request)

    def capture(self, request: CaptureRequest) -> OperationOutcome:
        """Take held money, all of it or a part; a final capture lets the rest go."""
        charge = request.charge
        if not _is_complete(charge) or not charge.provider_reference:
            return INCOMPLETE
        try:
            fields = protocol.capture_fields(request)
        except DomainError:
            return INEXACT
        order = self._order(charge)
        if isinstance(order, Unknown):
            return NotProcessed(code=order.code, message=order.message)  # the capture itself was not sent
        known = order.capture_of(request.operation_key) if order else None
        if known is not None:
            return guarded(lambda: protocol.capture_outcome(known))
        return self._take(request, order.hold, fields) if order and order.hold else NO_HOLD

    def probe_capture(self, request: CaptureRequest) -> OperationOutcome:
        """Find the capture among those of the order, by our key."""
        if not _is_complete(request.charge):
            return NOT_ASKED
        order = self._order(request.charge)
        if isinstance(order, Unknown):
            return order
        if order is None:
            return NeverHeard()
        capture = order.capture_of(request.operation_key)
        return guarded(
            lambda: protocol.capture_outcome(capture) if capture else protocol.missing_capture(order)
        )

    def void(self, request: ChargeRequest) -> Outcome:
        """Let go what is held, or what is left of it."""
        if not _is_complete(request):
            return NOT_ASKED
        order = self._order(request)
        if order is None or isinstance(order, Unknown):
            return order or Pending()
        if order.hold is not None and order.hold.status in protocol.OPEN_HOLDS:
            return self._let_go(request, order.hold)
        is_free = order.hold is not None and order.hold.status in protocol.CLOSED_HOLDS
        return Voided() if is_free else guarded(lambda: protocol.order_outcome(order, request=request))

    def refund(self, request: RefundRequest) -> OperationOutcome:
        """Give money back, out of the capture that took it."""
        if not _is_complete(request.charge):
            return INCOMPLETE
        try:
            fields = protocol.refund_fields(request)
        except DomainError:
            return INEXACT
        path = f"{CAPTURES}/{request.payment_reference}/refund"
        return self._operate(
            request.charge, path, fields, key=request.operation_key, read=protocol.refund_outcome
        )

    def probe_refund(self, request: RefundRequest) -> OperationOutcome:
        """Read the refund, by its id or by our key among those of the order."""
        if not _is_complete(request.charge):
            return NOT_ASKED
        calls = self._client.open(request.charge)
        if request.provider_reference:
            return guarded(lambda: _read_refund(calls, str(request.provider_reference)))
        order = guarded(lambda: _order_of_capture(calls, request.payment_reference))
        if order is None or isinstance(order, Unknown):
            return order or NO_PAYMENT
        refund = order.refund_of(request.operation_key)
        return guarded(lambda: protocol.refund_outcome(refund)) if refund else NeverHeard()

    def read_webhook(
        self, *, headers: Mapping[str, str], body: bytes, account: ProviderAccount | None, now: dt.datetime
    ) -> WebhookHint:
        """What an event proves. Raises WebhookRefused, WebhookMalformed and WebhookUndecided."""
        return read_notice(
            headers=headers, body=body, account=account, certificates=self._certificates, now=now
        )

    def _order(self, request: ChargeRequest) -> protocol.Order | Unknown | None:
        """The order, by its own id or by that of its capture; None where PayPal knows of neither."""
        calls, reference = self._client.open(request), request.provider_reference
        if not reference:
            return None
        found = guarded(lambda: _read_order(calls, reference))
        return found or guarded(lambda: _order_of_capture(calls, reference))

    def _reached(self, request: ChargeRequest) -> Outcome:
        """That nothing is known means something only when PayPal is there, and knows us."""
        failure = self._client.reach(request)
        return failure.doubt() if failure else Pending()

    def _take(
        self, request: CaptureRequest, hold: protocol.Movement, fields: dict[str, object]
    ) -> OperationOutcome:
        path, key = f"{HOLDS}/{hold.id}/capture", request.operation_key
        return self._operate(request.charge, path, fields, key=key, read=protocol.capture_outcome)

    def _let_go(self, request: ChargeRequest, hold: protocol.Movement) -> Outcome:
        reply = self._client.open(request).post(
            f"{HOLDS}/{hold.id}/void", {}, key=f"{request.provider_key}-void"
        )
        if isinstance(reply, Failure):
            return reply.doubt()
        return Voided() if reply.is_success else _doubt(reply)

    def _operate(
        self,
        charge: ChargeRequest,
        path: str,
        fields: dict[str, object],
        *,
        key: str,
        read: Callable[[protocol.Movement], OperationOutcome],
    ) -> OperationOutcome:
        """A capture or a refund under its key."""
        reply = self._client.open(charge).post(path, fields, key=key)
        if isinstance(reply, Failure):
            return reply.outcome()
        return guarded(
            lambda: read(protocol.read_movement(reply.data)) if reply.is_success else _not_carried_out(reply)
        )


def _read_order(calls: PayPalCalls, order_id: str) -> protocol.Order | Unknown | None:
    reply = calls.get(f"{ORDERS}/{order_id}")
    if isinstance(reply, Failure):
        return reply.doubt()
    if reply.status == HTTPStatus.NOT_FOUND:
        return None
    return protocol.read_order(reply.data) if reply.is_success else _doubt(reply)


def _order_of_capture(calls: PayPalCalls, capture_id: str) -> protocol.Order | Unknown | None:
    """Raises Garbled."""
    reply = calls.get(f"{CAPTURES}/{capture_id}")
    if isinstance(reply, Failure):
        return reply.doubt()
    if reply.status == HTTPStatus.NOT_FOUND:
        return None
    if not reply.is_success:
        return _doubt(reply)
    order_id = protocol.read_movement(reply.data).order_id
    return _read_order(calls, order_id) if order_id else GARBLED


def _read_refund(calls: PayPalCalls, refund_id: str) -> OperationOutcome:
    """Raises Garbled."""
    reply = calls.get(f"{REFUNDS}/{refund_id}")
    if isinstance(reply, Failure):
        return reply.doubt()
    return protocol.refund_outcome(protocol.read_movement(reply.data)) if reply.is_success else _doubt(reply)


def _ordered(reply: Reply, request: ChargeRequest) -> Outcome:
    return protocol.order_outcome(protocol.read_order(reply.data), request=request)


def _unfinished(reply: Reply) -> Outcome | None:
    """Why an order was not finished; None where the order itself has to tell. Raises Garbled."""
    error = protocol.read_error(reply.data)
    if error.code in DECLINES:
        return Declined(code=error.code, message=error.text)
    if error.code in NOT_AGREED:
        return Pending()
    if error.code in ENDED:
        return Voided()
    is_told = reply.status == HTTPStatus.UNPROCESSABLE_ENTITY and error.code not in MAYBE_DONE
    return None if is_told else Unknown(code=error.code, message=error.text)


def _refused(reply: Reply) -> Declined | NotProcessed | Unknown:
    """What a refusal proves. Raises Garbled."""
    error = protocol.read_error(reply.data)
    if error.code in DECLINES:
        return Declined(code=error.code, message=error.text)
    if reply.status in REFUSED_UNPROCESSED and error.code not in MAYBE_DONE:
        return NotProcessed(code=error.code, message=error.text)
    return Unknown(code=error.code, message=error.text)


def _not_carried_out(reply: Reply) -> OperationOutcome:
    """What a refusal of a capture or a refund proves. Raises Garbled."""
    error = protocol.read_error(reply.data)
    is_manual = error.code == LEFT_TO_PEOPLE
    return ByHand(code=error.code, message=error.text) if is_manual else _refused(reply)


def _doubt(reply: Reply) -> Unknown:
    return Unknown(code=f"paypal_{reply.status}", message="The provider did not answer the question.")


def _is_complete(request: ChargeRequest) -> bool:
    credentials = request.account.credentials
    return is_sendable(credentials.get("client_id"), credentials.get("client_secret"))
