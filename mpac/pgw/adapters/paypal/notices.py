"""PayPal's events: checked by their signature, then read for what they prove.

What is signed is `transmission id|time|webhook id|CRC-32 of the body`. The webhook's id is the one in our own settings, and
plays the part of a secret. PayPal repeats an event for three days: an old one is read, and counts once by its id.
"""

import base64
import binascii
import datetime as dt
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from mpac.pgw.adapters.http import Garbled
from mpac.pgw.adapters.paypal.certificates import Certificates
from mpac.pgw.adapters.paypal.protocol import (
    TAKEN,
    Amount,
    Link,
    Movement,
    instant,
    money_of,
    payment_of,
    read_movement,
    read_order,
    refund_outcome,
)
from mpac.pgw.adapters.port import Agreed, DisputeNews, ProviderAccount, RefundNews, WebhookHint
from mpac.pgw.adapters.signatures import TOLERANCE_S, find_header, webhook_secrets
from mpac.pgw.errors import WebhookMalformed, WebhookRefused

ID, TIME, SIGNATURE, CERTIFICATE, ALGORITHM = (
    f"PAYPAL-{name}"
    for name in ("TRANSMISSION-ID", "TRANSMISSION-TIME", "TRANSMISSION-SIG", "CERT-URL", "AUTH-ALGO")
)
KNOWN_ALGORITHM = "SHA256withRSA"
REPEATED_FOR = dt.timedelta(days=3, hours=1)
ANSWER = {"received": True}
MAX_ID, MAX_HEADER = 255, 1000
_LOST = frozenset({"RESOLVED_BUYER_FAVOUR", "ACCEPTED"})
_WON = frozenset({"RESOLVED_SELLER_FAVOUR", "RESOLVED_WITH_PAYOUT", "CANCELED_BY_BUYER", "DENIED"})


class _Event(msgspec.Struct):
    id: str
    event_type: str
    resource: dict[str, Any]


class _Transaction(msgspec.Struct):
    seller_transaction_id: str = ""


class _Outcome(msgspec.Struct):
    outcome_code: str = ""


class _Dispute(msgspec.Struct):
    dispute_id: str
    status: str
    dispute_amount: Amount
    disputed_transactions: list[_Transaction] = []
    reason: str = ""
    dispute_outcome: _Outcome | None = None
    seller_response_due_date: str = ""


class _Links(msgspec.Struct):
    links: list[Link] = []


def read_notice(
    *,
    headers: Mapping[str, str],
    body: bytes,
    account: ProviderAccount | None,
    certificates: Certificates,
    now: dt.datetime,
) -> WebhookHint:
    """What an event proves. Raises WebhookRefused, WebhookMalformed and WebhookUndecided."""
    _check(headers, body=body, account=account, certificates=certificates, now=now)
    try:
        event = msgspec.json.decode(body, type=_Event)
        if b"\\u0000" in body or not 0 < len(event.id) <= MAX_ID:
            raise WebhookMalformed
        return _hint(event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Garbled):
        raise WebhookMalformed from None


def signed_message(*, transmission: str, time: str, webhook: str, body: bytes) -> bytes:
    """What PayPal signs."""
    return f"{transmission}|{time}|{webhook}|{zlib.crc32(body)}".encode()


def _check(
    headers: Mapping[str, str],
    *,
    body: bytes,
    account: ProviderAccount | None,
    certificates: Certificates,
    now: dt.datetime,
) -> None:
    """All that can be checked without anybody's help comes first; the certificate last."""
    webhooks = webhook_secrets(account)
    transmission, time, given, url, algorithm = (
        find_header(headers, name) for name in (ID, TIME, SIGNATURE, CERTIFICATE, ALGORITHM)
    )
    texts = (transmission, time, given, url)
    if algorithm != KNOWN_ALGORITHM or not all(0 < len(text) <= MAX_HEADER for text in texts):
        raise WebhookRefused
    sent_at = instant(time)
    if sent_at is None or not -TOLERANCE_S <= (now - sent_at).total_seconds() <= REPEATED_FOR.total_seconds():
        raise WebhookRefused
    try:
        signature = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raise WebhookRefused from None
    key = certificates.key_at(url, now=now)
    messages = [
        signed_message(transmission=transmission, time=time, webhook=webhook, body=body)
        for webhook in webhooks
    ]
    if not any(_is_signed(message, signature, key) for message in messages):
        raise WebhookRefused


def _is_signed(message: bytes, signature: bytes, key: RSAPublicKey) -> bool:
    try:
        key.verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _hint(event: _Event) -> WebhookHint:
    kind, about = event.event_type, event.resource
    if kind.startswith("CHECKOUT.ORDER."):
        return _about_order(event.id, about, agreed=kind == "CHECKOUT.ORDER.APPROVED")
    if kind.startswith("CUSTOMER.DISPUTE."):
        return _about_dispute(event.id, about)
    if kind == "PAYMENT.CAPTURE.REFUNDED" or kind.startswith("PAYMENT.REFUND."):
        return _about_refund(event.id, about)
    if kind.startswith("PAYMENT."):
        return _about_money(event.id, about, taken=kind == "PAYMENT.CAPTURE.COMPLETED")
    reference = about.get("id")
    return WebhookHint(
        dedupe_key=event.id,
        provider_key="",
        provider_reference=reference if isinstance(reference, str) else "",
        answer=ANSWER,
    )


def _about_order(event_id: str, about: dict[str, Any], *, agreed: bool) -> WebhookHint:
    order = read_order(about)
    return WebhookHint(
        dedupe_key=event_id,
        provider_key=order.key,
        provider_reference=order.id,
        answer=ANSWER,
        state=Agreed() if agreed and order.status == "APPROVED" else None,
    )


def _about_money(event_id: str, about: dict[str, Any], *, taken: bool) -> WebhookHint:
    """A capture that took money proves it; whatever else was done with an order makes us ask."""
    movement = read_movement(about)
    is_payment = taken and movement.status in TAKEN
    return WebhookHint(
        dedupe_key=event_id,
        provider_key=movement.custom_id,
        provider_reference=movement.id if is_payment else movement.order_id or movement.id,
        answer=ANSWER,
        payments=(payment_of(movement),) if is_payment else (),
    )


def _about_refund(event_id: str, about: dict[str, Any]) -> WebhookHint:
    """News of a refund that we asked for; one that was made at PayPal makes us ask about its charge."""
    refund = read_movement(about)
    is_ours = bool(refund.invoice_id) and refund.invoice_id != refund.custom_id
    news = RefundNews(operation_key=refund.invoice_id, outcome=refund_outcome(refund)) if is_ours else None
    return WebhookHint(
        dedupe_key=event_id,
        provider_key=refund.custom_id,
        provider_reference=_payment_of(about, refund),
        answer=ANSWER,
        refund=news,
    )


def _about_dispute(event_id: str, about: dict[str, Any]) -> WebhookHint:
    """News of a dispute, which knows the payment's reference but not our key."""
    dispute = msgspec.convert(about, _Dispute)
    news = DisputeNews(
        reference=dispute.dispute_id,
        status=_status_of(dispute),
        amount=money_of(dispute.dispute_amount),
        reason=dispute.reason,
        evidence_due_at=instant(dispute.seller_response_due_date),
    )
    paid = next((each.seller_transaction_id for each in dispute.disputed_transactions), "")
    return WebhookHint(
        dedupe_key=event_id,
        provider_key="",
        provider_reference=paid or dispute.dispute_id,
        answer=ANSWER,
        dispute=news,
    )


def _status_of(dispute: _Dispute) -> str:
    outcome = dispute.dispute_outcome.outcome_code if dispute.dispute_outcome else ""
    if dispute.status == "RESOLVED":
        return "lost" if outcome in _LOST else "won" if outcome in _WON else "under_review"
    waits = dispute.status in {"OPEN", "WAITING_FOR_SELLER_RESPONSE"}
    return "opened" if waits else "under_review"


def _payment_of(about: dict[str, Any], refund: Movement) -> str:
    """The capture that a refund came out of, which only its link tells."""
    links = {link.rel: link.href for link in msgspec.convert(about, _Links).links}
    return links.get("up", "").rpartition("/")[2] or refund.id
