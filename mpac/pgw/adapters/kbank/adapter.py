"""KBank behind the port: a Thai QR that lives ten minutes, ended or given back as a whole; callbacks only make us ask.

A code is shown once: the same request again is refused, and no inquiry gives the code back. So a charge whose answer was
lost is cancelled, unless it turns out that it was paid. What was paid can be given back until it is settled, all of it;
after that people send it.
"""

import datetime as dt
from collections.abc import Mapping

from kernel.errors import DomainError
from kernel.ids import uuid7
from mpac.pgw.adapters.base import (
    INCOMPLETE,
    INEXACT,
    NOT_ASKED,
    OTHER_CURRENCY,
    ChargesOnly,
    guarded,
)
from mpac.pgw.adapters.http import Failure, is_sendable
from mpac.pgw.adapters.kbank import protocol
from mpac.pgw.adapters.kbank.client import KBankCalls, KBankClient
from mpac.pgw.adapters.kbank.protocol import Reply
from mpac.pgw.adapters.port import (
    Capabilities,
    ChargeRequest,
    Done,
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
from mpac.pgw.domain.keys import provider_key
from mpac.pgw.domain.methods import PaymentMethodCode

REQUEST, INQUIRY = "/v1/qrpayment/request", "/v1/qrpayment/v4/inquiry"
CANCEL, VOID = "/v1/qrpayment/cancel", "/v1/qrpayment/void"
REQUIRED_CREDENTIALS = ("consumer_id", "consumer_secret", "partner_id", "partner_secret")
ONLY_WHOLE = NotProcessed(code="partial_refund_not_supported", message="The bank gives back all or nothing.")


class KBankAdapter(ChargesOnly):
    """Thai QR at KBank."""

    name = protocol.NAME
    capabilities = Capabilities(
        methods=frozenset({PaymentMethodCode.QR_CODE}),
        currencies=frozenset({protocol.CURRENCY}),
        manual_capture=False,
        probe=True,
        reissue=True,
        customer_initiated=True,
        webhook_trust=WebhookTrust.HINT,
        max_amount_minor=10**12 - 1,
        void=True,
        refund=RefundSupport.FULL,
        statement="kbank",
        key_length=protocol.KEY_LENGTH,
    )

    def __init__(self, client: KBankClient | None = None) -> None:
        self._client = client or KBankClient()

    def create(self, request: ChargeRequest) -> Outcome:
        """Make a code. One that was made before under this key is lost, so that charge is ended."""
        if not _is_complete(request):
            return INCOMPLETE
        if request.amount.currency != protocol.CURRENCY:
            return OTHER_CURRENCY
        try:
            fields = protocol.qr_fields(request)
        except DomainError:
            return INEXACT
        calls = self._client.open(request)
        reply = calls.send(REQUEST, key=request.provider_key, fields=fields)
        return reply.outcome() if isinstance(reply, Failure) else _created(calls, reply, request)

    def probe(self, request: ChargeRequest) -> Outcome:
        """Inquire by our key."""
        return _probe(self._client.open(request), request) if _is_complete(request) else NOT_ASKED

    def void(self, request: ChargeRequest) -> Outcome:
        """Make the code unpayable. Money that was taken stays."""
        return _end(self._client.open(request), request) if _is_complete(request) else NOT_ASKED

    def refund(self, request: RefundRequest) -> OperationOutcome:
        """Void the payment. Where that is refused, the transaction's own state may tell that it was voided before."""
        if not _is_complete(request.charge):
            return INCOMPLETE
        if request.amount != request.charge.amount:
            return ONLY_WHOLE
        calls = self._client.open(request.charge)
        fields = {"origPartnerTxnUid": request.charge.provider_key, "txnNo": request.payment_reference}
        reply = calls.send(VOID, key=request.operation_key, fields=fields)
        return reply.outcome() if isinstance(reply, Failure) else _given_back(calls, reply, request)

    def probe_refund(self, request: RefundRequest) -> OperationOutcome:
        """Inquire about the transaction: it is voided once or not at all."""
        if not _is_complete(request.charge):
            return NOT_ASKED
        return _probe_refund(self._client.open(request.charge), request)

    def read_webhook(
        self, *, headers: Mapping[str, str], body: bytes, account: ProviderAccount | None, now: dt.datetime
    ) -> WebhookHint:
        """What a callback is about; it proves nothing. Raises WebhookMalformed."""
        return protocol.read_callback(body)


def _created(calls: KBankCalls, reply: Reply, request: ChargeRequest) -> Outcome:
    if reply.is_success:
        return protocol.shown_code(reply, request)
    return _end(calls, request) if reply.error == protocol.DUPLICATE else protocol.refusal(reply)


def _given_back(calls: KBankCalls, reply: Reply, request: RefundRequest) -> OperationOutcome:
    if reply.is_success:
        return protocol.voided(request)
    refused = protocol.refund_refusal(reply)
    if isinstance(refused, Unknown) and reply.error != protocol.DUPLICATE:
        return refused
    found = _probe_refund(calls, request)
    return found if isinstance(found, Done) else refused


def _inquire(calls: KBankCalls, request: ChargeRequest) -> Reply | Failure:
    """A question has a key of its own; nothing is remembered under it."""
    fields = {"origPartnerTxnUid": request.provider_key}
    return calls.send(INQUIRY, key=provider_key(uuid7(), length=protocol.KEY_LENGTH), fields=fields)


def _probe(calls: KBankCalls, request: ChargeRequest) -> Outcome:
    reply = _inquire(calls, request)
    if isinstance(reply, Failure):
        return reply.doubt()
    if reply.error == protocol.CHARGE_UNKNOWN:
        return Pending()
    if not reply.is_success:
        return protocol.doubt(reply)
    return guarded(lambda: protocol.charge_outcome(reply, request))


def _probe_refund(calls: KBankCalls, request: RefundRequest) -> OperationOutcome:
    reply = _inquire(calls, request.charge)
    if isinstance(reply, Failure):
        return reply.doubt()
    return protocol.refund_outcome(reply, request) if reply.is_success else protocol.doubt(reply)


def _end(calls: KBankCalls, request: ChargeRequest) -> Outcome:
    """Cancel the code; what it is by then, where that cannot be."""
    fields = {"origPartnerTxnUid": request.provider_key}
    reply = calls.send(CANCEL, key=provider_key(uuid7(), length=protocol.KEY_LENGTH), fields=fields)
    if isinstance(reply, Failure):
        return reply.doubt()
    if reply.is_success or reply.error in protocol.ENDED:
        return Voided()
    if reply.error == protocol.PAID:
        return _probe(calls, request)
    return Pending() if reply.error == protocol.CHARGE_UNKNOWN else protocol.doubt(reply)


def _is_complete(request: ChargeRequest) -> bool:
    credentials = request.account.credentials
    texts = (
        *(credentials.get(name) for name in REQUIRED_CREDENTIALS),
        request.account.fields.get("merchant_id"),
    )
    return is_sendable(*texts)
