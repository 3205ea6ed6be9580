"""Adyen behind the port: cards by saved or encrypted token, holds, captures, refunds, signed notices, disputes.

Adyen cannot be asked what became of a payment. It tells by notices, and a call made again under its idempotency key is
answered as it was the first time; captures, cancellations and refunds are only ever taken up, their end comes as a notice.
"""

import datetime as dt
from collections.abc import Mapping

from kernel.errors import DomainError
from mpac.pgw.adapters.adyen import protocol
from mpac.pgw.adapters.adyen.client import AdyenClient
from mpac.pgw.adapters.adyen.notices import read_notice
from mpac.pgw.adapters.base import (
    CAPTURED_ONCE,
    INCOMPLETE,
    INEXACT,
    NO_TOKEN,
    NOT_ASKED,
    OTHER_CURRENCY,
    PaidAtOnce,
    guarded,
)
from mpac.pgw.adapters.http import Failure, Reply, is_sendable
from mpac.pgw.adapters.port import (
    Accepted,
    Capabilities,
    CaptureRequest,
    ChargeRequest,
    NotProcessed,
    OperationOutcome,
    Outcome,
    ProviderAccount,
    RefundRequest,
    RefundSupport,
    Unknown,
    WebhookHint,
    WebhookTrust,
)
from mpac.pgw.domain.methods import PaymentMethodCode

CANNOT_BE_ASKED = Unknown(code="cannot_be_asked", message="The provider tells by its notices only.")
LETTING_GO = Unknown(code="cancellation_received", message="The provider will tell when the money is let go.")
BAD_TOKEN = NotProcessed(code="payment_token_malformed", message="The provider has no such kind of token.")
REFUSED_UNPROCESSED = frozenset({400, 401, 403, 404, 405, 413, 415, 422, 429})
# The same call is under way; 704 is its code.
IN_PROGRESS = "704"


class AdyenAdapter(PaidAtOnce):
    """Cards at Adyen."""

    name = protocol.NAME
    capabilities = Capabilities(
        methods=frozenset({PaymentMethodCode.CREDIT_CARD}),
        token_methods=frozenset({PaymentMethodCode.CREDIT_CARD}),
        saved_card=protocol.SAVED_CARD,
        currencies=protocol.CURRENCIES,
        manual_capture=True,
        probe=False,
        reissue=True,
        customer_initiated=False,
        webhook_trust=WebhookTrust.SIGNED,
        max_amount_minor=9_999_999_999,
        partial_capture=True,
        void=True,
        refund=RefundSupport.PARTIAL,
        disputes=True,
        statement="adyen",
    )

    def __init__(self, client: AdyenClient | None = None) -> None:
        self._client = client or AdyenClient()

    def create(self, request: ChargeRequest) -> Outcome:
        """Charge the card; under its key the same call again has the same answer."""
        if refused := self._refusal(request):
            return refused
        try:
            fields = protocol.payment_fields(request)
        except DomainError:
            return INEXACT
        except protocol.TokenMalformed:
            return BAD_TOKEN
        reply = self._client.post("/payments", fields, request=request, key=request.provider_key)
        if isinstance(reply, Failure):
            return reply.outcome()
        return guarded(lambda: _charged(reply, request))

    def probe(self, request: ChargeRequest) -> Outcome:
        """Adyen has no such question."""
        return CANNOT_BE_ASKED if _is_complete(request) else NOT_ASKED

    def capture(self, request: CaptureRequest) -> OperationOutcome:
        """Ask for held money, once; what is not taken is let go. A notice tells the end."""
        if not request.final:
            return CAPTURED_ONCE
        # The notice of a capture has the reference that is given here, and so names its charge, and that it was held.
        reference = protocol.charge_reference(request.charge)
        return self._modify(
            "captures", request, held_as=request.charge.provider_reference, reference=reference
        )

    def probe_capture(self, request: CaptureRequest) -> OperationOutcome:
        """Adyen has no such question: what it took up, its notice will end."""
        return _on_its_way(request)

    def void(self, request: ChargeRequest) -> Outcome:
        """Ask Adyen to let the money go, by its own reference or else by ours. A notice tells what came of it."""
        if not _is_complete(request):
            return NOT_ASKED
        path, key = "/cancels", f"{request.provider_key}-technical"
        if request.provider_reference:
            path, key = f"/payments/{request.provider_reference}/cancels", f"{request.provider_key}-cancel"
        fields = protocol.cancellation_fields(request)
        reply = self._client.post(path, fields, request=request, key=key)
        if isinstance(reply, Failure):
            return reply.doubt()
        return LETTING_GO if reply.is_success else _doubt(reply)

    def refund(self, request: RefundRequest) -> OperationOutcome:
        """Ask for money to be given back. A notice tells the end."""
        paid_as = request.charge.provider_reference or request.payment_reference
        return self._modify("refunds", request, held_as=paid_as, reference=request.operation_key)

    def probe_refund(self, request: RefundRequest) -> OperationOutcome:
        """Adyen has no such question: what it took up, its notice will end."""
        return _on_its_way(request)

    def read_webhook(
        self, *, headers: Mapping[str, str], body: bytes, account: ProviderAccount | None, now: dt.datetime
    ) -> WebhookHint:
        """What a notice proves. Raises WebhookRefused and WebhookMalformed."""
        return read_notice(body=body, account=account)

    def _refusal(self, request: ChargeRequest) -> NotProcessed | None:
        """Why a charge is not even sent."""
        if not _is_complete(request):
            return INCOMPLETE
        if not self.capabilities.accepts(method=request.method, currency=request.amount.currency):
            return OTHER_CURRENCY
        return None if request.payment_token else NO_TOKEN

    def _modify(
        self, what: str, request: CaptureRequest | RefundRequest, *, held_as: str | None, reference: str
    ) -> OperationOutcome:
        if not _is_complete(request.charge) or not held_as:
            return INCOMPLETE
        try:
            fields = protocol.modification_fields(request, reference=reference)
        except DomainError:
            return INEXACT
        path = f"/payments/{held_as}/{what}"
        reply = self._client.post(path, fields, request=request.charge, key=request.operation_key)
        if isinstance(reply, Failure):
            return reply.outcome()
        return guarded(lambda: _taken_up(reply))


def _charged(reply: Reply, request: ChargeRequest) -> Outcome:
    return protocol.charge_outcome(reply.data, request=request) if reply.is_success else _refused(reply)


def _taken_up(reply: Reply) -> OperationOutcome:
    return protocol.accepted(reply.data) if reply.is_success else _refused(reply)


def _refused(reply: Reply) -> NotProcessed | Unknown:
    """What a refusal proves. A key that is in use proves nothing."""
    error = protocol.read_error(reply.data)
    if reply.status in REFUSED_UNPROCESSED and error.error_code != IN_PROGRESS:
        return NotProcessed(code=error.reason, message=error.message[:200])
    return Unknown(code=error.reason, message=error.message[:200])


def _on_its_way(request: CaptureRequest | RefundRequest) -> OperationOutcome:
    if not _is_complete(request.charge):
        return NOT_ASKED
    return Accepted(reference=request.provider_reference) if request.provider_reference else CANNOT_BE_ASKED


def _doubt(reply: Reply) -> Unknown:
    return Unknown(code=f"adyen_{reply.status}", message="The provider did not take the cancellation up.")


def _is_complete(request: ChargeRequest) -> bool:
    fields, credentials = request.account.fields, request.account.credentials
    texts = (credentials.get("api_key"), fields.get("merchant_account"), fields.get("return_url"))
    return is_sendable(*texts)
