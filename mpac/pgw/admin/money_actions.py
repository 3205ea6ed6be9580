"""What some people may do with money from its pages: give it back, take what is held, let it go, ask its provider again.

Each form carries a key of its own, so that a form that is sent twice has one effect.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms

from kernel.admin import RowAction
from kernel.ids import encode
from kernel.money import Money
from mpac.pgw.admin.base import tenant_of
from mpac.pgw.admin.evidence_actions import AgreementForm
from mpac.pgw.domain.attempts import AttemptStatus
from mpac.pgw.domain.intents import ENDED, IntentStatus
from mpac.pgw.domain.refunds import RETRIABLE, RefundStatus
from mpac.pgw.models import Capture, PaymentAttempt, PaymentIntent, Refund
from mpac.pgw.services.asking import ask_soon
from mpac.pgw.services.cancellation import cancel_intent
from mpac.pgw.services.captures import NewCapture, capture_intent
from mpac.pgw.services.manual_refunds import Evidence, approve_refund, cancel_refund, file_evidence
from mpac.pgw.services.refunds import NewRefund, refund_intent

MOVE = "pgw.move_money"
SETTLE = "pgw.settle_refunds"
ASK = "pgw.ask_providers"


class RefundForm(forms.Form):
    """How much to give back, and why."""

    amount = forms.DecimalField(required=False, min_value=0, help_text="all that is left when empty")
    reason = forms.CharField(max_length=255, help_text="why")
    once = forms.UUIDField(widget=forms.HiddenInput)


class RetryForm(forms.Form):
    """Why it is tried again."""

    reason = forms.CharField(max_length=255, help_text="why")
    once = forms.UUIDField(widget=forms.HiddenInput)


class CaptureForm(forms.Form):
    """How much of what is held to take."""

    amount = forms.DecimalField(required=False, min_value=0, help_text="all that is left when empty")
    final = forms.BooleanField(required=False, initial=True, help_text="let go what is left then")
    once = forms.UUIDField(widget=forms.HiddenInput)


class EvidenceForm(forms.Form):
    """How the money was sent."""

    reference = forms.CharField(max_length=100, help_text="the transfer's own reference")
    sent_at = forms.DateTimeField(help_text="UTC")
    note = forms.CharField(max_length=500, help_text="from which account to which, by whom")


def begin_once(_row: Any, _now: dt.datetime) -> dict[str, Any]:
    """The key of a form."""
    return {"once": uuid.uuid4()}


def begin_refund(row: PaymentIntent, now: dt.datetime) -> Mapping[str, Any]:
    """All that is left, as it was when the form was opened: what changes meanwhile is refused, not done otherwise."""
    return begin_once(row, now) | {"amount": Money(_refundable(row), row.currency).to_decimal()}


def begin_capture(row: PaymentIntent, now: dt.datetime) -> Mapping[str, Any]:
    """The same of what is held."""
    return begin_once(row, now) | {"amount": Money(_capturable(row), row.currency).to_decimal()}


def give_back(
    row: PaymentIntent,
    actor: str,
    now: dt.datetime,
    *,
    amount: Decimal | None,
    reason: str,
    once: uuid.UUID,
) -> str:
    """Give money of an intent back."""
    wanted = NewRefund(
        intent_id=row.pk,
        amount_minor=minor(amount, row.currency),
        reason=reason,
        idempotency_key=f"console/{once}",
        requested_by=actor,
    )
    return _said(refund_intent(scope=tenant_of(row), wanted=wanted, now=now))


def give_back_again(row: Refund, actor: str, now: dt.datetime, *, reason: str, once: uuid.UUID) -> str:
    """Give back again what did not arrive."""
    wanted = NewRefund(
        intent_id=row.intent_id,
        retry_of=row.pk,
        reason=reason,
        idempotency_key=f"console/{once}",
        requested_by=actor,
    )
    return _said(refund_intent(scope=tenant_of(row), wanted=wanted, now=now))


def take(
    row: PaymentIntent,
    actor: str,
    now: dt.datetime,
    *,
    amount: Decimal | None,
    final: bool,
    once: uuid.UUID,
) -> str:
    """Take held money."""
    wanted = NewCapture(
        intent_id=row.pk,
        amount_minor=minor(amount, row.currency),
        final=final,
        idempotency_key=f"console/{once}",
        requested_by=actor,
    )
    intent = capture_intent(scope=tenant_of(row), wanted=wanted, now=now)
    return f"The intent is {_words(intent.status)}."


def call_off(row: PaymentIntent, _actor: str, now: dt.datetime) -> str:
    """Cancel an intent, and let go what it holds."""
    intent = cancel_intent(scope=tenant_of(row), intent_id=row.pk, now=now)
    return f"The intent is {_words(intent.status)}."


def file(row: Refund, actor: str, now: dt.datetime, **answers: Any) -> str:
    """Say how a refund by hand was sent."""
    file_evidence(scope=tenant_of(row), refund_id=row.pk, evidence=Evidence(**answers), person=actor, now=now)
    return "Kept. Somebody else has to look at it now."


def agree(row: Refund, actor: str, now: dt.datetime, *, reference: str) -> str:
    """Agree, as a second person, that a refund by hand was sent."""
    return _said(
        approve_refund(scope=tenant_of(row), refund_id=row.pk, reference=reference, person=actor, now=now)
    )


def call_refund_off(row: Refund, actor: str, now: dt.datetime) -> str:
    """Call off a refund by hand that nobody has sent."""
    return _said(cancel_refund(scope=tenant_of(row), refund_id=row.pk, person=actor, now=now))


def ask(row: PaymentAttempt | Capture | Refund, _actor: str, now: dt.datetime) -> str:
    """Ask a provider again."""
    ask_soon(scope=tenant_of(row), row=row, now=now)
    return "The provider is asked within seconds."


def minor(amount: Decimal | None, currency: str) -> int | None:
    """An amount as people write it, in minor units. Raises AmountNotExact."""
    return None if amount is None else Money.from_decimal(amount, currency).amount_minor


def _refundable(row: PaymentIntent) -> int:
    return int(row.captured_minor - row.refunded_minor - row.refunding_minor)


def _capturable(row: PaymentIntent) -> int:
    return int(row.authorized_minor - row.captured_minor - row.capturing_minor)


def _is_open(row: PaymentAttempt | Capture | Refund) -> bool:
    if isinstance(row, PaymentAttempt):
        return bool(row.status != AttemptStatus.CAPTURED)
    return row.next_probe_at is not None


def _waits_for_people(row: Refund) -> bool:
    return bool(row.status == RefundStatus.PENDING)


def _said(refund: Refund) -> str:
    return f"The refund {encode('re', refund.pk)} is {_words(refund.status)}."


def _words(status: str) -> str:
    return status.replace("_", " ")


ASKING = RowAction(
    name="ask",
    words="Ask the provider",
    question="Asking changes nothing there. What it answers is stored as always.",
    permission=ASK,
    run=ask,
    fits=_is_open,
)
ON_INTENTS = (
    RowAction(
        name="refund",
        words="Refund",
        question="The money goes back to its payer. That cannot be undone.",
        permission=MOVE,
        run=give_back,
        form=RefundForm,
        begin=begin_refund,
        fits=lambda row: _refundable(row) > 0,
    ),
    RowAction(
        name="capture",
        words="Capture",
        question="The payer is charged for what is held.",
        permission=MOVE,
        run=take,
        form=CaptureForm,
        begin=begin_capture,
        fits=lambda row: row.status == IntentStatus.REQUIRES_CAPTURE and _capturable(row) > 0,
    ),
    RowAction(
        name="cancel",
        words="Cancel",
        question="The payment is called off, and what is held for it is let go, as soon as its provider confirms that.",
        permission=MOVE,
        run=call_off,
        fits=lambda row: row.status not in ENDED and row.cancel_requested_at is None,
    ),
)
ON_REFUNDS = (
    ASKING,
    RowAction(
        name="retry",
        words="Refund again",
        question="What did not arrive is given back by a new refund.",
        permission=MOVE,
        run=give_back_again,
        form=RetryForm,
        begin=begin_once,
        fits=lambda row: row.status in RETRIABLE,
    ),
    RowAction(
        name="evidence",
        words="Say how it was sent",
        question="For a refund by hand. Another person has to agree before it counts.",
        permission=SETTLE,
        run=file,
        form=EvidenceForm,
        fits=_waits_for_people,
    ),
    RowAction(
        name="agree",
        words="Agree that it was sent",
        question="You have seen that the money left, and you neither asked for this refund nor sent it yourself.",
        permission=SETTLE,
        run=agree,
        form=AgreementForm,
        fits=lambda row: _waits_for_people(row) and row.evidence is not None,
    ),
    RowAction(
        name="call-off",
        words="Call off",
        question="Nobody has sent this refund by hand, and nobody will. Its amount is free again.",
        permission=SETTLE,
        run=call_refund_off,
        fits=lambda row: _waits_for_people(row) and row.evidence is None,
    ),
)
