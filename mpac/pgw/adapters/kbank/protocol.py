"""KBank's messages: what we send, what we accept as an answer. Strict about what matters, blind to the rest."""

import datetime as dt
import re
from decimal import Decimal

import msgspec

from kernel.errors import DomainError
from kernel.money import Money
from mpac.pgw.adapters.http import Garbled
from mpac.pgw.adapters.kbank.qr import read_qr
from mpac.pgw.adapters.port import (
    ActionRequired,
    Approved,
    ByHand,
    ChargeRequest,
    Declined,
    Done,
    NeverHeard,
    NotProcessed,
    OperationOutcome,
    Outcome,
    Pending,
    ProviderPayment,
    RefundRequest,
    Unknown,
    Voided,
    WebhookHint,
)
from mpac.pgw.domain.next_actions import display_qr
from mpac.pgw.domain.promptpay import PromptPayError
from mpac.pgw.domain.provider_amounts import to_text
from mpac.pgw.errors import WebhookMalformed

NAME = "kbank"
CURRENCY = "THB"
KEY_LENGTH = 15
QR_LIFE = dt.timedelta(minutes=10)
THAI_QR = "3"
SUCCESS = "00"
DUPLICATE, PAID, CHARGE_UNKNOWN = "EMDR", "EMQRP", "EMITDNE"
ENDED = frozenset({"EMQRC", "EMQRAE", "EMQRE"})
# The bank looked at the transaction and would not: the account, the settlement, another channel.
REFUSED = frozenset({"EMAC", "EMACF", "EMMC", "EMSET", "EMQRVOTCH"})
# What was settled, or was paid by another channel, is given back by hand.
LEFT_TO_PEOPLE = frozenset({"EMSET", "EMQRVOTCH"})
# Refused before anything was processed: keys, fields, merchants and references that are not right.
REFUSED_UNPROCESSED = frozenset(
    {"EMA", "EMPM", "EMBR", "EMICC", "EMITA", "EMITF", "EMIQR", "EMIR", "EMISDNE", "EMDNE", CHARGE_UNKNOWN}
)
# An error is named by a word, with the short code at the end of its description; some answers have the word alone.
_CODES = {
    "account_error": "EMAC",
    "authentication_error": "EMA",
    "bad_request": "EMBR",
    "duplicate_request": DUPLICATE,
    "invalid_currency_code": "EMICC",
    "invalid_merchant": "EMDNE",
    "invalid_origPartnerTxnUid": CHARGE_UNKNOWN,
    "invalid_qr_type": "EMIQR",
    "invalid_reference1": "EMIR",
    "invalid_shop_id": "EMISDNE",
    "invalid_txn_amount": "EMITA",
    "merchant_closed": "EMMC",
    "qr_cancelled": "EMQRC",
    "qr_expired": "EMQRE",
    "qr_paid": PAID,
    "qr_void": "EMQRVOTCH",
    "settlement_error": "EMSET",
}
_SHORT = re.compile(r"\((EM[A-Z]{1,10})\)\s*$")
_WITHOUT_MONEY: dict[str, Outcome] = {
    "REQUESTED": Pending(),
    "NOT_FOUND": Pending(),
    "CANCELLED": Voided(),
    "EXPIRED": Voided(),
}


class Reply(msgspec.Struct, rename="camel"):
    """A readable answer of the bank."""

    status_code: str
    error_code: str | None = None
    error_desc: str | None = None
    qr_code: str | None = None
    txn_status: str = ""
    txn_no: str | None = None
    txn_amount: Decimal | None = None
    txn_currency_code: str | None = None
    channel: str | None = None

    @property
    def is_success(self) -> bool:
        return self.status_code == SUCCESS

    @property
    def error(self) -> str:
        """The short code of the error."""
        name = self.error_code or ""
        found = _SHORT.search(self.error_desc or "")
        return found[1] if found else _CODES.get(name, name)[:32]

    @property
    def reason(self) -> str:
        """The code as we keep it."""
        return f"kbank_{self.error.lower() or self.status_code[:8]}"

    @property
    def text(self) -> str:
        """For people."""
        return (self.error_desc or "The bank refused.")[:200]


class _Callback(msgspec.Struct, rename="camel"):
    partner_txn_uid: str
    txn_no: str


_replies = msgspec.json.Decoder(Reply, float_hook=Decimal, strict=False)


def read_reply(body: bytes) -> Reply:
    """The bank's answer. Raises Garbled."""
    if b"\\u0000" in body:
        message = "text that no database keeps"
        raise Garbled(message)
    try:
        return _replies.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Garbled(str(error)) from None


def qr_fields(request: ChargeRequest) -> dict[str, str]:
    """What a request for a code says about the sale. Raises AmountNotExact."""
    return {
        "qrType": THAI_QR,
        "txnAmount": to_text(request.amount, provider=NAME),
        "txnCurrencyCode": request.amount.currency,
        "reference1": request.provider_key,
        "reference2": f"S{request.store_id}",
    }


def shown_code(reply: Reply, request: ChargeRequest) -> Outcome:
    """The code to show, for as long as both sides let it be paid."""
    payload = "".join((reply.qr_code or "").split())
    try:
        qr = read_qr(payload)
    except PromptPayError:
        return Unknown(code="garbled", message="The bank's QR cannot be read.")
    biller = request.account.fields.get("biller_id")
    if qr.amount != request.amount or biller not in (None, "", qr.biller_id):
        # Nobody has seen this QR and nobody will: it asks for something else than we asked for.
        return NotProcessed(code="qr_mismatch", message="The bank's QR is not the one that was asked for.")
    until = min(request.expires_at, request.now + QR_LIFE)
    return ActionRequired(next_action=display_qr(payload, until=until))


def charge_outcome(reply: Reply, request: ChargeRequest) -> Outcome:
    """What an inquiry's answer means. Raises Garbled."""
    if reply.txn_status in ("PAID", "VOIDED"):
        return Approved(payments=(_payment(reply, request),))
    doubtful = Unknown(
        code="kbank_state", message=f"The transaction is {reply.txn_status[:32] or 'nameless'}."
    )
    return _WITHOUT_MONEY.get(reply.txn_status, doubtful)


def refund_outcome(reply: Reply, request: RefundRequest) -> OperationOutcome:
    """What an inquiry's answer means for the only refund there can be, that of the whole."""
    match reply.txn_status:
        case "VOIDED":
            return voided(request)
        case "PAID":
            return NeverHeard()
    return Unknown(code="kbank_state", message=f"The transaction is {reply.txn_status[:32] or 'nameless'}.")


def voided(request: RefundRequest) -> Done:
    """The whole payment was given back; that has no reference but the payment's own."""
    return Done(reference=request.payment_reference, amount=request.charge.amount)


def refusal(reply: Reply) -> Declined | NotProcessed | Unknown:
    """What a refused call proves."""
    if reply.error in REFUSED:
        return Declined(code=reply.reason, message=reply.text)
    if reply.error in REFUSED_UNPROCESSED:
        return NotProcessed(code=reply.reason, message=reply.text)
    return doubt(reply)


def refund_refusal(reply: Reply) -> ByHand | Declined | NotProcessed | Unknown:
    """What a refused refund proves."""
    if reply.error in LEFT_TO_PEOPLE:
        return ByHand(code=reply.reason, message=reply.text)
    return refusal(reply)


def doubt(reply: Reply) -> Unknown:
    """An answer that proves nothing."""
    return Unknown(code=reply.reason, message=reply.text)


def read_callback(body: bytes) -> WebhookHint:
    """What a callback is about. It is unsigned, so only what identifies it is read, never the amount.

    Our key is part of the key that deduplicates: nobody can spend a true callback's key on another payment.
    Raises WebhookMalformed.
    """
    try:
        callback = msgspec.json.decode(body, type=_Callback)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WebhookMalformed from None
    key, number = callback.partner_txn_uid, callback.txn_no
    if not _is_reference(key, limit=KEY_LENGTH) or not _is_reference(number, limit=64):
        raise WebhookMalformed
    return WebhookHint(
        dedupe_key=f"{number}:{key}",
        provider_key=key,
        provider_reference=number,
        answer={"statusCode": SUCCESS, "errorCode": None, "errorDesc": None},
    )


def _payment(reply: Reply, request: ChargeRequest) -> ProviderPayment:
    """The money of a paid code, which fixes its amount; an answer may leave it out. Raises Garbled."""
    number = reply.txn_no or ""
    if not _is_reference(number, limit=64):
        message = "a payment without a number"
        raise Garbled(message)
    return ProviderPayment(
        reference=number,
        amount=request.amount if reply.txn_amount is None else _amount(reply.txn_amount, reply),
        reversed=reply.txn_status == "VOIDED",
        details={"channel": reply.channel} if reply.channel else {},
    )


def _amount(said: Decimal, reply: Reply) -> Money:
    try:
        amount = Money.from_decimal(said, reply.txn_currency_code or CURRENCY)
    except DomainError as error:
        raise Garbled(error.message) from None
    if amount.amount_minor <= 0 or amount.currency != CURRENCY:
        message = "money of nothing"
        raise Garbled(message)
    return amount


def _is_reference(text: str, *, limit: int) -> bool:
    return 0 < len(text) <= limit and text.isascii() and text.isalnum()
