"""Omise's events: checked on their raw bytes, then read for what they prove.

The key is the decoded secret, the signature hexadecimal; while a secret is rotated the header carries two of them.
"""

import base64
import binascii
import datetime as dt
from collections.abc import Mapping
from hashlib import sha256
from hmac import new as hmac_of
from typing import Any

import msgspec

from mpac.pgw.adapters.http import Garbled
from mpac.pgw.adapters.omise.protocol import (
    money_of,
    payment_of,
    read_charge,
    read_refund,
    refund_outcome,
    text_of,
)
from mpac.pgw.adapters.port import DisputeNews, ProviderAccount, RefundNews, WebhookHint
from mpac.pgw.adapters.signatures import check_any, check_freshness, find_header, webhook_secrets
from mpac.pgw.errors import WebhookMalformed, WebhookRefused

SIGNATURE, SIGNED_AT = "Omise-Signature", "Omise-Signature-Timestamp"
ANSWER = {"received": True}
MAX_ID = 255
_DISPUTES = {"open": "opened", "pending": "under_review", "won": "won", "lost": "lost", "accepted": "lost"}


class _Event(msgspec.Struct):
    id: str
    key: str
    data: dict[str, Any]


class _Dispute(msgspec.Struct):
    id: str
    status: str
    amount: int
    currency: str
    charge: str
    reason_code: str | None = None


def read_event(
    *, headers: Mapping[str, str], body: bytes, account: ProviderAccount | None, now: dt.datetime
) -> WebhookHint:
    """What an event proves. Raises WebhookRefused and WebhookMalformed."""
    _check(headers, body=body, account=account, now=now)
    try:
        event = msgspec.json.decode(body, type=_Event)
        if b"\\u0000" in body or not 0 < len(event.id) <= MAX_ID:
            raise WebhookMalformed
        return _hint(event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Garbled):
        raise WebhookMalformed from None


def _check(
    headers: Mapping[str, str], *, body: bytes, account: ProviderAccount | None, now: dt.datetime
) -> None:
    signed_at = find_header(headers, SIGNED_AT)
    check_freshness(signed_at, now=now)
    message = signed_at.encode() + b"." + body
    keys = [_decoded(secret) for secret in webhook_secrets(account)]
    given = [each.strip() for each in find_header(headers, SIGNATURE).split(",")]
    check_any([hmac_of(key, message, sha256).hexdigest() for key in keys], given=given)


def _decoded(secret: str) -> bytes:
    try:
        return base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        raise WebhookRefused from None


def _hint(event: _Event) -> WebhookHint:
    match event.data.get("object"):
        case "charge":
            return _about_charge(event)
        case "refund":
            return _about_refund(event)
        case "dispute":
            return _about_dispute(event)
    return WebhookHint(
        dedupe_key=event.id,
        provider_key="",
        provider_reference=text_of(event.data, "id"),
        answer=ANSWER,
    )


def _about_charge(event: _Event) -> WebhookHint:
    charge = read_charge(event.data)
    return WebhookHint(
        dedupe_key=event.id,
        provider_key=charge.key,
        provider_reference=charge.id,
        answer=ANSWER,
        payments=(payment_of(charge),) if charge.status == "successful" else (),
    )


def _about_refund(event: _Event) -> WebhookHint:
    """News of a refund that we asked for; one that was made in the dashboard makes us ask about its charge."""
    refund = read_refund(event.data)
    news = RefundNews(operation_key=refund.key, outcome=refund_outcome(refund)) if refund.key else None
    return WebhookHint(
        dedupe_key=event.id,
        provider_key=text_of(refund.metadata, "charge_reference"),
        provider_reference=refund.charge or refund.id,
        answer=ANSWER,
        refund=news,
    )


def _about_dispute(event: _Event) -> WebhookHint:
    """News of a dispute, which knows the charge but not our key."""
    dispute = msgspec.convert(event.data, _Dispute)
    news = DisputeNews(
        reference=dispute.id,
        status=_DISPUTES.get(dispute.status, "under_review"),
        amount=money_of(dispute.amount, dispute.currency),
        reason=dispute.reason_code or "",
    )
    return WebhookHint(
        dedupe_key=event.id,
        provider_key="",
        provider_reference=dispute.charge,
        answer=ANSWER,
        dispute=news,
    )
