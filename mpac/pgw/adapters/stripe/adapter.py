"""Stripe behind the port: payment intents for cards and PromptPay, holds, refunds, signed events, disputes.

A charge's reference is the payment intent's id from beginning to end. Every call that changes something carries our key as
its idempotency key, and our key stands in the metadata, so that a charge is found again by listing when an answer was lost.
"""

import datetime as dt
from collections.abc import Mapping

from kernel.errors import DomainError
from mpac.pgw.adapters.base import (
    CAPTURED_ONCE,
    GARBLED,
    INCOMPLETE,
    INEXACT,
    NO_TOKEN,
    NOT_ASKED,
    NOT_HELD,
    OTHER_CURRENCY,
    PaidAtOnce,
    guarded,
)
from mpac.pgw.adapters.http import Failure, Garbled, Reply, is_sendable
from mpac.pgw.adapters.port import (
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
    WebhookHint,
    WebhookTrust,
)
from mpac.pgw.adapters.stripe import protocol
from mpac.pgw.adapters.stripe.client import StripeCalls, StripeClient
from mpac.pgw.adapters.stripe.notices import read_event
from mpac.pgw.domain.methods import PaymentMethodCode

INTENTS, REFUNDS = "/v1/payment_intents", "/v1/refunds"
EXPAND = {"expand[]": protocol.EXPANDED}
EXPAND_LIST = {"expand[]": f"data.{protocol.EXPANDED}"}
# The provider's clock and ours may disagree by this much about when a charge was made.
CLOCK_MARGIN_S = 300
REFUSED_UNPROCESSED = frozenset({400, 401, 403, 404, 405, 413, 415, 429})
PAYMENT_REQUIRED = 402
REFUSED_REFUNDS = frozenset({"charge_already_refunded", "charge_disputed", "refund_disputed_payment"})


class StripeAdapter(PaidAtOnce):
    """Cards and PromptPay at Stripe."""

    name = protocol.NAME
    capabilities = Capabilities(
        methods=frozenset({PaymentMethodCode.CREDIT_CARD, PaymentMethodCode.QR_CODE}),
        token_methods=frozenset({PaymentMethodCode.CREDIT_CARD}),
        currencies=protocol.CURRENCIES,
        method_currencies={PaymentMethodCode.QR_CODE: frozenset({"THB"})},
        manual_capture=True,
        probe=True,
        reissue=True,
        customer_initiated=False,
        webhook_trust=WebhookTrust.SIGNED,
        max_amount_minor=99_999_999,
        partial_capture=True,
        void=True,
        refund=RefundSupport.PARTIAL,
        disputes=True,
        statement="stripe",
    )

    def __init__(self, client: StripeClient | None = None) -> None:
        self._client = client or StripeClient()

    def create(self, request: ChargeRequest) -> Outcome:
        """Make and confirm the payment intent; under its key the same call again has the same answer."""
        if refused := self._refusal(request):
            return refused
        try:
            fields = protocol.intent_fields(request)
        except DomainError:
            return INEXACT
        reply = self._client.open(request).post(INTENTS, fields, key=request.provider_key)
        if isinstance(reply, Failure):
            return reply.outcome()
        return guarded(lambda: _charged(reply, request))

    def probe(self, request: ChargeRequest) -> Outcome:
        """Read the payment intent, by its id or by our key among those of its time."""
        if not _is_complete(request):
            return NOT_ASKED
        intent = self._find(request)
        if isinstance(intent, Unknown):
            return intent
        if intent is None:
            return Pending()
        return guarded(lambda: protocol.charge_outcome(intent, request=request))

    def capture(self, request: CaptureRequest) -> OperationOutcome:
        """Take held money, once; what is not taken is let go."""
        if not request.final:
            return CAPTURED_ONCE
        charge = request.charge
        if not _is_complete(charge) or not charge.provider_reference:
            return INCOMPLETE
        try:
            fields = protocol.capture_fields(request)
        except DomainError:
            return INEXACT
        path = f"{INTENTS}/{charge.provider_reference}/capture"
        reply = self._client.open(charge).post(path, fields, key=request.operation_key)
        if isinstance(reply, Failure):
            return reply.outcome()
        return guarded(lambda: _captured(reply))

    def probe_capture(self, request: CaptureRequest) -> OperationOutcome:
        """Read the payment intent: it is captured once or not at all."""
        if not _is_complete(request.charge):
            return NOT_ASKED
        intent = self._find(request.charge)
        if isinstance(intent, Unknown):
            return intent
        return guarded(lambda: protocol.capture_outcome(intent)) if intent else NeverHeard()

    def void(self, request: ChargeRequest) -> Outcome:
        """Cancel the payment intent. Whatever state keeps it from being cancelled is the answer."""
        if not _is_complete(request):
            return NOT_ASKED
        intent = self._find(request)
        if isinstance(intent, Unknown):
            return intent
        if intent is None:
            return Pending()
        reply = self._client.open(request).post(f"{INTENTS}/{intent.id}/cancel", {})
        if isinstance(reply, Failure):
            return reply.doubt()
        return guarded(lambda: _voided(reply, request))

    def refund(self, request: RefundRequest) -> OperationOutcome:
        """Give money back; under its key the same call again has the same answer."""
        if not _is_complete(request.charge):
            return INCOMPLETE
        try:
            fields = protocol.refund_fields(request)
        except DomainError:
            return INEXACT
        reply = self._client.open(request.charge).post(REFUNDS, fields, key=request.operation_key)
        if isinstance(reply, Failure):
            return reply.outcome()
        return guarded(lambda: _refunded(reply))

    def probe_refund(self, request: RefundRequest) -> OperationOutcome:
        """Read the refund, by its id or by our key among those of its payment."""
        if not _is_complete(request.charge):
            return NOT_ASKED
        calls = self._client.open(request.charge)
        if request.provider_reference:
            reply = calls.get(f"{REFUNDS}/{request.provider_reference}")
            if isinstance(reply, Failure):
                return reply.doubt()
            if not reply.is_success:
                return _doubt(reply)
            return guarded(lambda: protocol.refund_outcome(protocol.read_refund(reply.data)))
        return guarded(lambda: _find_refund(calls, request))

    def read_webhook(
        self, *, headers: Mapping[str, str], body: bytes, account: ProviderAccount | None, now: dt.datetime
    ) -> WebhookHint:
        """What an event proves. Raises WebhookRefused and WebhookMalformed."""
        return read_event(headers=headers, body=body, account=account, now=now)

    def _refusal(self, request: ChargeRequest) -> NotProcessed | None:
        """Why a charge is not even sent."""
        if not _is_complete(request):
            return INCOMPLETE
        if not self.capabilities.accepts(method=request.method, currency=request.amount.currency):
            return OTHER_CURRENCY
        if request.method == PaymentMethodCode.QR_CODE:
            return None if request.capture else NOT_HELD
        return None if request.payment_token else NO_TOKEN

    def _find(self, request: ChargeRequest) -> protocol.Intent | Unknown | None:
        """The payment intent; None where Stripe was reached and has none under our key."""
        calls = self._client.open(request)
        try:
            if not request.provider_reference:
                return _find_by_key(calls, request)
            reply = calls.get(f"{INTENTS}/{request.provider_reference}", EXPAND)
            if isinstance(reply, Failure):
                return reply.doubt()
            return protocol.read_intent(reply.data) if reply.is_success else _doubt(reply)
        except Garbled:
            return GARBLED


def _find_by_key(calls: StripeCalls, request: ChargeRequest) -> protocol.Intent | Unknown | None:
    """Lists are exact at once, where searches lag behind. Raises Garbled."""
    window = {
        "created[gte]": str(int(request.opened_at.timestamp()) - CLOCK_MARGIN_S),
        "created[lte]": str(int(request.now.timestamp()) + CLOCK_MARGIN_S),
    }
    for page in calls.pages(INTENTS, {**window, **EXPAND_LIST}):
        if isinstance(page, Failure):
            return page.doubt()
        for data in page:
            intent = protocol.read_intent(data)
            if intent.metadata.get("reference") == request.provider_key:
                return intent
    return None


def _find_refund(calls: StripeCalls, request: RefundRequest) -> OperationOutcome:
    for page in calls.pages(REFUNDS, {"payment_intent": request.payment_reference}):
        if isinstance(page, Failure):
            return page.doubt()
        for data in page:
            refund = protocol.read_refund(data)
            if refund.metadata.get("reference") == request.operation_key:
                return protocol.refund_outcome(refund)
    return NeverHeard()


def _charged(reply: Reply, request: ChargeRequest) -> Outcome:
    if reply.is_success:
        return protocol.charge_outcome(protocol.read_intent(reply.data), request=request)
    return _refused(reply)


def _captured(reply: Reply) -> OperationOutcome:
    if reply.is_success:
        return protocol.capture_outcome(protocol.read_intent(reply.data))
    error = protocol.read_error(reply.data)
    if error.payment_intent:
        found = protocol.capture_outcome(protocol.read_intent(error.payment_intent))
        if not isinstance(found, NeverHeard):
            return found
    return _refused(reply)


def _voided(reply: Reply, request: ChargeRequest) -> Outcome:
    if reply.is_success:
        return protocol.charge_outcome(protocol.read_intent(reply.data), request=request)
    error = protocol.read_error(reply.data)
    if error.payment_intent:
        return protocol.charge_outcome(protocol.read_intent(error.payment_intent), request=request)
    return _doubt(reply)


def _refunded(reply: Reply) -> OperationOutcome:
    if reply.is_success:
        return protocol.refund_outcome(protocol.read_refund(reply.data))
    error = protocol.read_error(reply.data)
    return protocol.declined(error) if error.code in REFUSED_REFUNDS else _refused(reply)


def _refused(reply: Reply) -> Declined | NotProcessed | Unknown:
    """What a refusal proves. A key that is in use, or was used for something else, proves nothing."""
    error = protocol.read_error(reply.data)
    if reply.status == PAYMENT_REQUIRED or error.type == "card_error":
        return protocol.declined(error)
    if reply.status in REFUSED_UNPROCESSED and error.type != "idempotency_error":
        return NotProcessed(code=error.reason, message=error.text)
    return Unknown(code=error.reason, message=error.text)


def _doubt(reply: Reply) -> Unknown:
    return Unknown(code=f"stripe_{reply.status}", message="The provider did not answer the question.")


def _is_complete(request: ChargeRequest) -> bool:
    return is_sendable(request.account.credentials.get("secret_key"))
