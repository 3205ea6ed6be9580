"""Omise behind the port: charges of card tokens and PromptPay codes, holds, refunds, signed events, disputes.

A charge's id is its reference from beginning to end. Calls carry our key as an idempotency key, and in their metadata. That
Omise honors the former is not on its own pages, so nothing rests on it: what refuses a repeated call is asked about first.
"""

import datetime as dt
from collections.abc import Mapping

from kernel.clock import rfc3339
from kernel.errors import DomainError
from mpac.pgw.adapters.base import (
    CAPTURED_ONCE,
    INCOMPLETE,
    INEXACT,
    NO_TOKEN,
    NOT_ASKED,
    NOT_HELD,
    OTHER_CURRENCY,
    PaidAtOnce,
    guarded,
)
from mpac.pgw.adapters.http import Failure, Reply, is_sendable
from mpac.pgw.adapters.omise import protocol
from mpac.pgw.adapters.omise.client import OmiseCalls, OmiseClient
from mpac.pgw.adapters.omise.notices import read_event
from mpac.pgw.adapters.port import (
    Capabilities,
    CaptureRequest,
    ChargeRequest,
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
from mpac.pgw.domain.methods import PaymentMethodCode

CHARGES = "/charges"
# The provider's clock and ours may disagree by this much about when a charge was made.
CLOCK_MARGIN = dt.timedelta(minutes=5)
REFUSED_UNPROCESSED = frozenset({400, 401, 402, 403, 404, 405, 413, 415, 422, 429})


class OmiseAdapter(PaidAtOnce):
    """Cards and PromptPay at Omise."""

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
        max_amount_minor=10**11,
        partial_capture=True,
        void=True,
        refund=RefundSupport.PARTIAL,
        disputes=True,
    )

    def __init__(self, client: OmiseClient | None = None) -> None:
        self._client = client or OmiseClient()

    def create(self, request: ChargeRequest) -> Outcome:
        """Make the charge, or find it again under its key when the same call was refused for having been made before."""
        if refused := self._refusal(request):
            return refused
        try:
            fields = protocol.charge_fields(request)
        except DomainError:
            return INEXACT
        calls = self._client.open(request)
        reply = calls.post(CHARGES, fields, key=request.provider_key)
        if isinstance(reply, Failure):
            return reply.outcome()
        return guarded(lambda: _charged(calls, reply, request))

    def probe(self, request: ChargeRequest) -> Outcome:
        """Read the charge, by its id or by our key among those of its time."""
        if not _is_complete(request):
            return NOT_ASKED
        return guarded(lambda: _probed(self._client.open(request), request))

    def capture(self, request: CaptureRequest) -> OperationOutcome:
        """Take held money, once; less than all of it only where the account may."""
        if not request.final:
            return CAPTURED_ONCE
        charge = request.charge
        if not _is_complete(charge) or not charge.provider_reference:
            return INCOMPLETE
        try:
            fields = protocol.capture_fields(request)
        except DomainError:
            return INEXACT
        calls = self._client.open(charge)
        path = f"{CHARGES}/{charge.provider_reference}/capture"
        reply = calls.post(path, fields, key=request.operation_key)
        if isinstance(reply, Failure):
            return reply.outcome()
        return guarded(lambda: _captured(calls, reply, charge))

    def probe_capture(self, request: CaptureRequest) -> OperationOutcome:
        """Read the charge: it is captured once or not at all."""
        if not _is_complete(request.charge):
            return NOT_ASKED
        return guarded(lambda: _probed_capture(self._client.open(request.charge), request.charge))

    def void(self, request: ChargeRequest) -> Outcome:
        """Reverse a hold, or make a code unpayable. Whatever state keeps it from that is the answer."""
        if not _is_complete(request):
            return NOT_ASKED
        return guarded(lambda: _voided(self._client.open(request), request))

    def refund(self, request: RefundRequest) -> OperationOutcome:
        """Give money back, or find out that it was given back under this key."""
        if not _is_complete(request.charge):
            return INCOMPLETE
        try:
            fields = protocol.refund_fields(request)
        except DomainError:
            return INEXACT
        calls = self._client.open(request.charge)
        path = f"{CHARGES}/{request.payment_reference}/refunds"
        reply = calls.post(path, fields, key=request.operation_key)
        if isinstance(reply, Failure):
            return reply.outcome()
        return guarded(lambda: _refunded(calls, reply, request))

    def probe_refund(self, request: RefundRequest) -> OperationOutcome:
        """Read the refund, by its id or by our key among those of its payment."""
        if not _is_complete(request.charge):
            return NOT_ASKED
        return guarded(lambda: _probed_refund(self._client.open(request.charge), request))

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


def _charged(calls: OmiseCalls, reply: Reply, request: ChargeRequest) -> Outcome:
    if reply.is_success:
        return protocol.charge_outcome(protocol.read_charge(reply.data), request=request)
    refused = _refused(reply)
    if protocol.text_of(reply.data, "code") != "used_token":
        return refused
    # The token was used: by this very charge, if its answer was lost.
    found = _probed(calls, request)
    return refused if isinstance(found, Pending) else found


def _probed(calls: OmiseCalls, request: ChargeRequest) -> Outcome:
    charge = _find(calls, request)
    if isinstance(charge, Unknown):
        return charge
    return protocol.charge_outcome(charge, request=request) if charge else Pending()


def _captured(calls: OmiseCalls, reply: Reply, request: ChargeRequest) -> OperationOutcome:
    if reply.is_success:
        return protocol.capture_outcome(protocol.read_charge(reply.data))
    refused = _refused(reply)
    if isinstance(refused, Unknown):
        return refused
    found = _probed_capture(calls, request)
    return refused if isinstance(found, NeverHeard) else found


def _probed_capture(calls: OmiseCalls, request: ChargeRequest) -> OperationOutcome:
    charge = _find(calls, request)
    if isinstance(charge, Unknown):
        return charge
    return protocol.capture_outcome(charge) if charge else NeverHeard()


def _voided(calls: OmiseCalls, request: ChargeRequest) -> Outcome:
    charge = _find(calls, request)
    if isinstance(charge, Unknown):
        return charge
    if charge is None:
        return Pending()
    return _let_go(calls, charge, request)


def _let_go(calls: OmiseCalls, charge: protocol.Charge, request: ChargeRequest) -> Outcome:
    if charge.status != "pending":
        return protocol.charge_outcome(charge, request=request)
    reply = calls.post(f"{CHARGES}/{charge.id}/{'reverse' if charge.is_held else 'expire'}", {})
    if isinstance(reply, Failure):
        return reply.doubt()
    if reply.is_success:
        return protocol.charge_outcome(protocol.read_charge(reply.data), request=request)
    refused = _refused(reply)
    return refused if isinstance(refused, Unknown) else _probed(calls, request)


def _refunded(calls: OmiseCalls, reply: Reply, request: RefundRequest) -> OperationOutcome:
    if reply.is_success:
        return protocol.refund_outcome(protocol.read_refund(reply.data))
    refused = _refused(reply)
    if isinstance(refused, Unknown):
        return refused
    found = _probed_refund(calls, request)
    return refused if isinstance(found, NeverHeard) else found


def _probed_refund(calls: OmiseCalls, request: RefundRequest) -> OperationOutcome:
    path = f"{CHARGES}/{request.payment_reference}/refunds"
    if request.provider_reference:
        reply = calls.get(f"{path}/{request.provider_reference}")
        if isinstance(reply, Failure):
            return reply.doubt()
        return (
            protocol.refund_outcome(protocol.read_refund(reply.data)) if reply.is_success else _doubt(reply)
        )
    for page in calls.pages(path, {}):
        if isinstance(page, Failure):
            return page.doubt()
        for data in page:
            refund = protocol.read_refund(data)
            if refund.key == request.operation_key:
                return protocol.refund_outcome(refund)
    return NeverHeard()


def _find(calls: OmiseCalls, request: ChargeRequest) -> protocol.Charge | Unknown | None:
    """The charge; None where Omise was reached and has none under our key. Raises Garbled."""
    if request.provider_reference:
        reply = calls.get(f"{CHARGES}/{request.provider_reference}")
        if isinstance(reply, Failure):
            return reply.doubt()
        return protocol.read_charge(reply.data) if reply.is_success else _doubt(reply)
    window = {
        "from": rfc3339(request.opened_at - CLOCK_MARGIN),
        "to": rfc3339(request.now + CLOCK_MARGIN),
        "order": "reverse_chronological",
    }
    for page in calls.pages(CHARGES, window):
        if isinstance(page, Failure):
            return page.doubt()
        for data in page:
            charge = protocol.read_charge(data)
            if charge.key == request.provider_key:
                return charge
    return None


def _refused(reply: Reply) -> NotProcessed | Unknown:
    """What an error object proves."""
    code = (protocol.text_of(reply.data, "code") or f"omise_{reply.status}")[:64]
    message = (protocol.text_of(reply.data, "message") or "The provider refused.")[:200]
    verdict = NotProcessed if reply.status in REFUSED_UNPROCESSED else Unknown
    return verdict(code=code, message=message)


def _doubt(reply: Reply) -> Unknown:
    return Unknown(code=f"omise_{reply.status}", message="The provider did not answer the question.")


def _is_complete(request: ChargeRequest) -> bool:
    return is_sendable(request.account.credentials.get("secret_key"))
