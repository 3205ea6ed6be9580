"""What happened to an intent, in one order: steps, what providers said, money, notices, evidence, and what partners heard.

Each source is read once and no further than people read, however many rows the intent has.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet

from kernel.ids import encode
from kernel.money import Money
from mpac.pgw.models import (
    AttemptEvidence,
    Capture,
    ConsoleEntry,
    Dispute,
    DisputeEvent,
    IntentEvent,
    LatePayment,
    PartnerEvent,
    PaymentAttempt,
    PaymentIntent,
    PaymentTransaction,
    Refund,
    RoutingDecision,
    WebhookDelivery,
    WebhookKey,
)

AT_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened, to what, by whom and why. `row` is what its own page shows."""

    at: dt.datetime
    what: str
    row: Any
    status: str = ""
    who: str = ""
    why: str = ""
    amount: Money | None = None


@dataclass(slots=True)
class Timeline:
    """What happened, the first thing first; `is_cut` says that some source has more."""

    happenings: list[Happening] = field(default_factory=list)
    is_cut: bool = False

    def read(self, rows: "QuerySet[Any]") -> list[Any]:
        """The first rows of a source."""
        found = list(rows.order_by("pk")[: AT_MOST + 1])
        self.is_cut = self.is_cut or len(found) > AT_MOST
        return found[:AT_MOST]

    def add(self, happenings: Iterable[Happening]) -> None:
        """Put them among the others."""
        self.happenings.extend(happenings)


@dataclass(frozen=True, slots=True)
class Parts:
    """What belongs to an intent."""

    attempts: Sequence[PaymentAttempt]
    captures: Sequence[Capture]
    refunds: Sequence[Refund]
    evidence: Sequence[AttemptEvidence]

    def by_key(self) -> dict[uuid.UUID, PaymentAttempt | Capture | Refund]:
        """Each by its key."""
        found: dict[uuid.UUID, PaymentAttempt | Capture | Refund] = {row.pk: row for row in self.attempts}
        return found | {row.pk: row for row in self.captures} | {row.pk: row for row in self.refunds}


def read_timeline(intent: PaymentIntent, *, with_partner: bool) -> Timeline:
    """Everything about an intent that the open scope shows; what its partner was told only if asked for."""
    line = Timeline()
    parts = Parts(
        attempts=line.read(PaymentAttempt.objects.filter(intent=intent)),
        captures=line.read(Capture.objects.filter(intent=intent)),
        refunds=line.read(Refund.objects.filter(intent=intent)),
        evidence=line.read(AttemptEvidence.objects.filter(intent_id=intent.pk)),
    )
    line.add(_steps(line.read(IntentEvent.objects.filter(intent_id=intent.pk)), intent, parts))
    line.add(_decisions(line.read(RoutingDecision.objects.filter(intent_id=intent.pk))))
    line.add(_answers(line.read(PaymentTransaction.objects.filter(payment_intent_id=intent.pk))))
    line.add(_late(line.read(LatePayment.objects.filter(intent=intent))))
    line.add(_shown(parts.evidence))
    line.add(_notices(line.read(_keys_of(parts))))
    disputes = line.read(Dispute.objects.filter(intent=intent))
    of_disputes = DisputeEvent.objects.filter(dispute_id__in=[row.pk for row in disputes])
    line.add(_dispute_steps(line.read(of_disputes), disputes))
    subjects = [intent.pk, *parts.by_key(), *(row.pk for row in (*parts.evidence, *disputes))]
    entries = ConsoleEntry.objects.filter(subject_id__in=[str(key) for key in subjects])
    line.add(_entries(line.read(entries)))
    if with_partner:
        _tell(line, intent)
    line.happenings.sort(key=lambda each: (each.at, str(each.row.pk)))
    return line


def _tell(line: Timeline, intent: PaymentIntent) -> None:
    told = line.read(PartnerEvent.objects.filter(psp_id=intent.psp_id, object_id=encode("pi", intent.pk)))
    line.add(
        Happening(at=each.created_at, what=f"event {each.sequence}: {each.type}", row=each) for each in told
    )
    sent = WebhookDelivery.objects.filter(psp_id=intent.psp_id, event_id__in=[each.pk for each in told])
    line.add(
        Happening(
            at=each.delivered_at or each.created_at,
            what=f"delivery of {each.event_type}",
            row=each,
            status=each.status,
            why=" ".join(filter(None, [str(each.last_status_code or ""), each.last_error])),
        )
        for each in line.read(sent)
    )


def _steps(events: Iterable[IntentEvent], intent: PaymentIntent, parts: Parts) -> Iterator[Happening]:
    known = parts.by_key()
    for event in events:
        key = event.refund_id or event.capture_id or event.attempt_id
        subject = known.get(key, intent) if key else intent
        came_from = f" (was {event.from_status.replace('_', ' ')})" if event.from_status else ""
        yield Happening(
            at=event.created_at,
            what=f"{subject._meta.verbose_name}{came_from}",
            row=subject,
            status=event.to_status,
            who=event.actor,
            why=event.reason,
            amount=Money(subject.amount_minor, subject.currency),
        )


def _decisions(decisions: Iterable[RoutingDecision]) -> Iterator[Happening]:
    for each in decisions:
        yield Happening(
            at=each.created_at,
            what=f"routed to {each.provider}",
            row=each,
            who=each.rule or "no rule",
            why="the one before has provably not happened" if each.failover else "",
        )


def _answers(answers: Iterable[PaymentTransaction]) -> Iterator[Happening]:
    for each in answers:
        yield Happening(
            at=each.created_at,
            what=f"{each.provider_name} says {each.status.replace('_', ' ')}",
            row=each,
            who=each.learned_from,
            why=each.error_code or each.provider_reference or "",
            amount=Money(each.amount_minor, each.currency),
        )


def _late(payments: Iterable[LatePayment]) -> Iterator[Happening]:
    for each in payments:
        yield Happening(
            at=each.created_at,
            what="late money",
            row=each,
            status=each.status,
            who=each.provider,
            why=each.return_reason or each.reason,
            amount=Money(each.amount_minor, each.currency),
        )


def _shown(evidence: Iterable[AttemptEvidence]) -> Iterator[Happening]:
    for each in evidence:
        amount, verdict = Money(each.amount_minor, each.currency), each.verdict.replace("_", " ")
        yield Happening(
            at=each.created_at,
            what=f"evidence: {verdict}",
            row=each,
            status="proposed",
            who=each.proposed_by,
            why=f"{each.reference}: {each.note}",
            amount=amount,
        )
        if each.decided_at is not None:
            yield Happening(
                at=each.decided_at,
                what=f"evidence: {verdict}",
                row=each,
                status=each.status,
                who=each.decided_by or "",
                why=each.decision_note,
            )


def _keys_of(parts: Parts) -> "QuerySet[WebhookKey]":
    """Notices that name one of our keys; those that name no key are found on their own page."""
    charged = Q(
        provider__in={row.provider for row in parts.attempts},
        provider_key__in=[row.provider_key for row in parts.attempts],
    )
    given_back = Q(
        provider__in={row.provider for row in parts.refunds},
        operation_key__in=[row.operation_key for row in parts.refunds],
    )
    found: QuerySet[WebhookKey] = WebhookKey.objects.filter(charged | given_back)
    return found


def _notices(keys: Iterable[WebhookKey]) -> Iterator[Happening]:
    for each in keys:
        times = f", {each.deliveries} times" if each.deliveries > 1 else ""
        yield Happening(
            at=each.created_at,
            what=f"notice{times}",
            row=each,
            status=each.status,
            who=each.provider,
            why=each.last_error or each.provider_reference,
        )


def _dispute_steps(steps: Iterable[DisputeEvent], disputes: Sequence[Dispute]) -> Iterator[Happening]:
    known = {row.pk: row for row in disputes}
    for each in steps:
        dispute = known[each.dispute_id]
        yield Happening(
            at=each.created_at,
            what="dispute",
            row=dispute,
            status=each.to_status,
            who=each.actor,
            why=each.reason or dispute.reason,
            amount=Money(dispute.amount_minor, dispute.currency),
        )


def _entries(entries: Iterable[ConsoleEntry]) -> Iterator[Happening]:
    for each in entries:
        reason = each.answers.get("reason") or each.answers.get("note") or ""
        yield Happening(
            at=each.created_at,
            what=f"console: {each.action}",
            row=each,
            status=each.status,
            who=each.actor,
            why=": ".join(filter(None, [reason, each.said])),
        )
