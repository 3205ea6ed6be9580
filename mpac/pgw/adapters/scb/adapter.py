"""SCB's QR30 behind the port: create a QR, ask what became of it, read a payment confirmation.

A QR30 has no refund call, never expires at the bank, and its confirmations are unsigned. So a confirmation only makes us
ask, and only an inquiry's record counts as money.
"""

import datetime as dt
from collections.abc import Mapping

from mpac.pgw import conf
from mpac.pgw.adapters.base import GARBLED, INCOMPLETE, NOT_ASKED, ChargesOnly
from mpac.pgw.adapters.http import Failure, Garbled, is_sendable
from mpac.pgw.adapters.port import (
    ActionRequired,
    Approved,
    Capabilities,
    ChargeRequest,
    Declined,
    NotProcessed,
    Outcome,
    Pending,
    ProviderAccount,
    ProviderPayment,
    Unknown,
    WebhookHint,
    WebhookTrust,
)
from mpac.pgw.adapters.scb import protocol
from mpac.pgw.adapters.scb.client import ScbClient
from mpac.pgw.adapters.scb.protocol import Reply
from mpac.pgw.domain import promptpay
from mpac.pgw.domain.methods import PaymentMethodCode
from mpac.pgw.domain.next_actions import display_qr

CREATE_PATH = "/v1/payment/qrcode/create"
INQUIRY_PATH = "/v1/payment/billpayment/inquiry"
DEFAULT_REFERENCE3 = "SCB"
REQUIRED_CREDENTIALS = ("api_key", "api_secret")


class ScbAdapter(ChargesOnly):
    """Thai QR30 bill payment at SCB."""

    name = "scb"
    capabilities = Capabilities(
        methods=frozenset({PaymentMethodCode.QR_CODE}),
        currencies=frozenset({"THB"}),
        manual_capture=False,
        probe=True,
        reissue=True,
        customer_initiated=True,
        webhook_trust=WebhookTrust.HINT,
        max_amount_minor=10**12 - 1,
    )

    def __init__(self, client: ScbClient | None = None) -> None:
        self._client = client or ScbClient()

    def create(self, request: ChargeRequest) -> Outcome:
        """Register the QR. Creating it again under its key gives the same QR, since the key is its first reference."""
        if not _is_complete(request):
            return INCOMPLETE
        expected = _expected_qr(request)
        try:
            promptpay.encode(expected)
        except promptpay.PromptPayError as error:
            return NotProcessed(code="account_malformed", message=error.message)
        body = protocol.qr_request(
            request,
            biller_id=expected.biller_id,
            reference2=expected.reference2 or "",
            reference3=_reference3(request),
        )
        timeout_s = request.timeout_s or conf.provider_timeout_s()
        reply = self._client.call(
            "POST", CREATE_PATH, account=request.account, timeout_s=timeout_s, json=body
        )
        if isinstance(reply, Failure):
            return reply.outcome()
        return _created(reply, request, expected)

    def probe(self, request: ChargeRequest) -> Outcome:
        """Ask for the payments of every day on which this charge may have been paid."""
        if not _is_complete(request):
            return NOT_ASKED
        timeout_s = request.timeout_s or conf.provider_timeout_s()
        payments: list[ProviderPayment] = []
        doubt: Unknown | None = None
        for day in protocol.inquiry_days(opened_at=request.opened_at, now=request.now):
            found = self._inquire(request, day, timeout_s=timeout_s)
            if isinstance(found, Unknown):
                doubt = found
            else:
                payments += found
        if payments:
            return Approved(payments=tuple(payments))
        return doubt or Pending()

    def read_webhook(
        self, *, headers: Mapping[str, str], body: bytes, account: ProviderAccount | None, now: dt.datetime
    ) -> WebhookHint:
        """What a payment confirmation is about; it proves nothing. Raises WebhookMalformed."""
        return protocol.read_confirmation(body)

    def _inquire(
        self, request: ChargeRequest, day: dt.date, *, timeout_s: float
    ) -> list[ProviderPayment] | Unknown:
        parameters = protocol.inquiry_parameters(
            biller_id=_biller_id(request), reference1=request.provider_key, day=day
        )
        reply = self._client.call(
            "GET", INQUIRY_PATH, account=request.account, timeout_s=timeout_s, params=parameters
        )
        if isinstance(reply, Failure):
            return reply.doubt()
        if reply.code == protocol.NOT_FOUND:
            return []
        if reply.code != protocol.SUCCESS:
            return Unknown(code=f"scb_{reply.code}", message=reply.description)
        try:
            return protocol.read_payments(reply.data, reference1=request.provider_key)
        except Garbled:
            return GARBLED


def _created(reply: Reply, request: ChargeRequest, expected: promptpay.BillPayment) -> Outcome:
    if reply.code == protocol.SUCCESS:
        return _shown(reply, request, expected)
    if reply.code == protocol.DUPLICATE:
        # The bank has this QR already: an earlier answer was lost. A QR30 is a function of its references.
        return _display(promptpay.encode(expected), request)
    if reply.code == protocol.PAYMENT_REFUSED:
        return Declined(code="declined", message=reply.description)
    if reply.code in protocol.REFUSED_UNPROCESSED or reply.http_status == 429:  # noqa: PLR2004
        return NotProcessed(code=f"scb_{reply.code}", message=reply.description)
    return Unknown(code=f"scb_{reply.code}", message=reply.description)


def _shown(reply: Reply, request: ChargeRequest, expected: promptpay.BillPayment) -> Outcome:
    payload = reply.data.get("qrRawData") if isinstance(reply.data, dict) else None
    if not isinstance(payload, str):
        return Unknown(code="garbled", message="The bank's answer has no QR.")
    try:
        offered = promptpay.decode(payload)
    except promptpay.PromptPayError:
        return Unknown(code="garbled", message="The bank's QR cannot be read.")
    if not promptpay.same_payment(offered, expected):
        # Nobody has seen this QR and nobody will: it asks for something else than we asked for.
        return NotProcessed(code="qr_mismatch", message="The bank's QR is not the one that was asked for.")
    return _display(payload, request)


def _display(payload: str, request: ChargeRequest) -> ActionRequired:
    return ActionRequired(next_action=display_qr(payload, until=request.expires_at))


def _expected_qr(request: ChargeRequest) -> promptpay.BillPayment:
    return promptpay.BillPayment(
        biller_id=_biller_id(request),
        reference1=request.provider_key,
        reference2=f"S{request.store_id}",
        amount=request.amount,
        terminal_label=_reference3(request),
    )


def _is_complete(request: ChargeRequest) -> bool:
    return is_sendable(*(request.account.credentials.get(name) for name in REQUIRED_CREDENTIALS))


def _biller_id(request: ChargeRequest) -> str:
    """The store's biller id; a sync that knows only one field calls it the provider's merchant id."""
    fields = request.account.fields
    return fields.get("biller_id") or fields.get("merchant_id") or ""


def _reference3(request: ChargeRequest) -> str:
    """The prefix that SCB assigned; it routes the payment confirmation to us."""
    return request.account.fields.get("ref3_prefix") or DEFAULT_REFERENCE3
