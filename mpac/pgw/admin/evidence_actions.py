"""What two people do about an attempt whose provider does not say what became of it: one shows it, the other one agrees."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms

from kernel.admin import RowAction
from kernel.ids import encode
from kernel.money import Money
from mpac.pgw.admin.base import tenant_of
from mpac.pgw.domain.evidence import EvidenceStatus, Verdict
from mpac.pgw.models import AttemptEvidence, PaymentAttempt
from mpac.pgw.services.attempt_evidence import (
    Finding,
    agree_to_evidence,
    is_for_people,
    propose_evidence,
    refuse_evidence,
)

SETTLE = "pgw.settle_attempts"


class FindingForm(forms.Form):
    """What became of a charge, and what shows it."""

    verdict = forms.ChoiceField(
        choices=[
            ("", ""),
            (str(Verdict.PAID), "money came"),
            (str(Verdict.NOT_PAID), "no money came, and none will"),
        ]
    )
    reference = forms.CharField(
        max_length=100,
        help_text="of the movement of money, letter by letter as the bank or provider writes it; or of the document that shows "
        "there was none",
    )
    amount = forms.DecimalField(min_value=0)
    happened_at = forms.DateTimeField(label="When", help_text="UTC, such as 2026-11-21 10:00")
    note = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 80}),
        help_text="where you have seen it",
    )


class AgreementForm(forms.Form):
    """What the second person has seen."""

    reference = forms.CharField(
        max_length=100,
        help_text="as you have seen it yourself, at the bank or provider; it is compared with what was shown",
    )


class RefusalForm(forms.Form):
    """Why it is not believed."""

    note = forms.CharField(max_length=500, help_text="why")


def begin_finding(row: PaymentAttempt, _now: dt.datetime) -> Mapping[str, Any]:
    """The whole sum, which is what nearly all of them are about."""
    return {"amount": Money(row.amount_minor, row.currency).to_decimal()}


def show(
    row: PaymentAttempt,
    actor: str,
    _now: dt.datetime,
    *,
    verdict: str,
    reference: str,
    amount: Decimal,
    happened_at: dt.datetime,
    note: str,
) -> str:
    """Show what became of a charge, as the first person."""
    finding = Finding(
        verdict=Verdict(verdict),
        reference=reference,
        amount=Money.from_decimal(amount, row.currency),
        happened_at=happened_at,
        note=note,
    )
    evidence = propose_evidence(scope=tenant_of(row), attempt_id=row.pk, finding=finding, person=actor)
    return f"It is kept as {encode('evd', evidence.pk)}. Somebody else has to look at it now."


def agree(row: AttemptEvidence, actor: str, now: dt.datetime, *, reference: str) -> str:
    """Agree, as the second person."""
    intent = agree_to_evidence(
        scope=tenant_of(row), evidence_id=row.pk, reference=reference, person=actor, now=now
    )
    return f"It counts. The intent is {intent.status.replace('_', ' ')}."


def refuse(row: AttemptEvidence, actor: str, now: dt.datetime, *, note: str) -> str:
    """Withdraw it, or do not believe it."""
    refuse_evidence(scope=tenant_of(row), evidence_id=row.pk, note=note, person=actor, now=now)
    return "It does not count. Something else may be shown now."


def is_proposed(row: AttemptEvidence) -> bool:
    """Whether it waits for a second person."""
    return bool(row.status == EvidenceStatus.PROPOSED)


SHOWING = RowAction(
    name="evidence",
    words="Show what became of it",
    question="Where its provider does not say. Nothing counts before another person has seen the same and agrees.",
    permission=SETTLE,
    run=show,
    form=FindingForm,
    begin=begin_finding,
    fits=is_for_people,
)
ON_EVIDENCE = (
    RowAction(
        name="agree",
        words="Agree",
        question="You have seen it yourself, and you are not the one who showed it. It counts like the provider's own word.",
        permission=SETTLE,
        run=agree,
        form=AgreementForm,
        fits=is_proposed,
    ),
    RowAction(
        name="refuse",
        words="Refuse or withdraw",
        question="It does not count, and something else may be shown.",
        permission=SETTLE,
        run=refuse,
        form=RefusalForm,
        fits=is_proposed,
    ),
)
