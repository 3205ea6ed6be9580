"""What a provider tells of a dispute becomes what is stored: in any order, as often as it comes.

A dispute changes no sum of its intent: the money was captured, and whether it stays is told by the dispute. What is
disputed and not won is not refunded beside it (`services/refunds.py`).
"""

import datetime as dt
import uuid
from typing import Any

import msgspec

from kernel.ids import created_at_of, uuid7
from kernel.logs import get_logger
from kernel.money import Money
from kernel.scrubbing import scrub_text
from kernel.tenancy import Scope
from mpac.pgw.adapters.port import DisputeNews
from mpac.pgw.db import atomic
from mpac.pgw.domain.disputes import CLOSED, DisputeStatus, allows
from mpac.pgw.events import DisputeClosed, DisputeOpened, DisputeUpdated
from mpac.pgw.models import Dispute, DisputeEvent, PaymentAttempt
from mpac.pgw.selectors.disputes import lock_dispute
from mpac.pgw.selectors.locks import lock_attempt_with_intent
from mpac.pgw.services.announcements import announce_dispute
from mpac.pgw.services.evidence import LearnedFrom, remember

logger = get_logger(__name__)

MAX_REASON = 255
FUNDS = ("withdrawn_minor", "reinstated_minor", "funds_currency")


def apply_dispute_news(
    *, scope: Scope, attempt_id: uuid.UUID, news: DisputeNews, learned_from: LearnedFrom, now: dt.datetime
) -> Dispute:
    """Store what `news` proves about a dispute of the attempt and return it. Safe to repeat. Raises NotFound.

    News that comes late leads nowhere: a dispute that is under review is not opened again.
    """
    with atomic(scope):
        intent, attempt = lock_attempt_with_intent(attempt_id)
        attempt.intent = intent
        status = DisputeStatus(news.status)
        dispute = lock_dispute(attempt, news.reference)
        if dispute is None:
            dispute = _open(attempt, news, actor=learned_from, now=now)
            _remember(attempt, news, learned_from=learned_from)
        dispute.intent, dispute.attempt = intent, attempt
        if allows(DisputeStatus(dispute.status), status):
            _remember(attempt, news, learned_from=learned_from)
            _move(dispute, status, news, actor=learned_from, now=now)
        else:
            _refresh(dispute, news, now=now)
    return dispute


def _open(attempt: PaymentAttempt, news: DisputeNews, *, actor: str, now: dt.datetime) -> Dispute:
    dispute_id = uuid7()
    dispute = Dispute(
        id=dispute_id,
        created_at=created_at_of(dispute_id),
        psp_id=attempt.psp_id,
        merchant_id=attempt.merchant_id,
        store_id=attempt.store_id,
        intent=attempt.intent,
        attempt=attempt,
        status=DisputeStatus.OPENED,
        status_at=now,
        reason=scrub_text(news.reason)[:MAX_REASON],
        evidence_due_at=news.evidence_due_at,
        provider=attempt.provider,
        provider_reference=news.reference,
        livemode=attempt.livemode,
        **_sum(attempt, news),
    )
    _count_funds(dispute, news)
    dispute.save(force_insert=True)
    _record(dispute, None, actor=actor)
    announce_dispute(DisputeOpened, dispute, now=now)
    return dispute


def _move(
    dispute: Dispute, status: DisputeStatus, news: DisputeNews, *, actor: str, now: dt.datetime
) -> None:
    source = dispute.status
    dispute.status, dispute.status_at, dispute.version = status, now, dispute.version + 1
    dispute.closed_at = now if status in CLOSED else None
    dispute.evidence_due_at = news.evidence_due_at or dispute.evidence_due_at
    _count_funds(dispute, news)
    dispute.save(
        update_fields=["status", "status_at", "version", "closed_at", "evidence_due_at", *FUNDS],
    )
    _record(dispute, source, actor=actor)
    announce_dispute(DisputeClosed if status in CLOSED else DisputeUpdated, dispute, now=now)


def _refresh(dispute: Dispute, news: DisputeNews, *, now: dt.datetime) -> None:
    """The same state told again, with another amount or time for the evidence, or old news, with what money moved."""
    wanted: dict[str, Any] = {}
    if dispute.status == news.status and dispute.status not in CLOSED:
        due = news.evidence_due_at or dispute.evidence_due_at
        wanted = {**_sum(dispute.attempt, news), "evidence_due_at": due}
    before = {name: getattr(dispute, name) for name in (*wanted, *FUNDS)}
    for name, value in wanted.items():
        setattr(dispute, name, value)
    _count_funds(dispute, news)
    if all(getattr(dispute, name) == value for name, value in before.items()):
        return
    dispute.save(update_fields=list(before))
    announce_dispute(DisputeUpdated, dispute, now=now)


def _count_funds(dispute: Dispute, news: DisputeNews) -> None:
    """Money that was taken or given back is told as a sum that only grows, so that old news takes nothing away."""
    for name, told in (("withdrawn_minor", news.withdrawn), ("reinstated_minor", news.reinstated)):
        if told is None or told.amount_minor <= getattr(dispute, name):
            continue
        if dispute.funds_currency not in (None, told.currency):
            logger.warning("a dispute's money is told in another currency", dispute=str(dispute.pk))
            continue
        dispute.funds_currency = told.currency
        setattr(dispute, name, told.amount_minor)


def _sum(attempt: PaymentAttempt, news: DisputeNews) -> dict[str, Any]:
    """What is disputed; an inquiry without an amount is about all of it."""
    amount = news.amount
    if amount.amount_minor <= 0:
        amount = Money(attempt.captured_minor or attempt.amount_minor, attempt.currency)
    return {"amount_minor": amount.amount_minor, "currency": amount.currency}


def _record(dispute: Dispute, source: str | None, *, actor: str) -> None:
    DisputeEvent(
        psp_id=dispute.psp_id,
        merchant_id=dispute.merchant_id,
        store_id=dispute.store_id,
        dispute_id=dispute.pk,
        sequence=dispute.version,
        from_status=source,
        to_status=dispute.status,
        actor=actor,
        reason=dispute.reason,
    ).save(force_insert=True)


def _remember(attempt: PaymentAttempt, news: DisputeNews, *, learned_from: LearnedFrom) -> None:
    remember(
        attempt,
        learned_from=learned_from,
        status=f"dispute_{news.status}",
        amount=news.amount,
        reference=news.reference,
    )


def pack_news(news: DisputeNews) -> str:
    """News as they are kept beside a notice, because nobody could be asked for them again."""
    return msgspec.json.encode(news).decode()


def unpack_news(stored: Any) -> DisputeNews:
    """The same news again."""
    return msgspec.convert(stored, DisputeNews)
