"""What was learned, and from where: kept as it was said, and each movement of money counted once."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kernel.ids import created_at_of, uuid7
from kernel.money import Money
from mpac.pgw.db import db
from mpac.pgw.domain.movements import MovementKind
from mpac.pgw.models import PaymentAttempt, PaymentIntent, PaymentTransaction, ProviderReference

COUNT_ONCE = """
    INSERT INTO provider_references (id, created_at, psp_id, merchant_id, store_id, provider, kind, reference, attempt_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (psp_id, merchant_id, provider, kind, reference) DO NOTHING RETURNING 1
"""


class LearnedFrom(StrEnum):
    """How a piece of evidence reached us; it becomes the actor in the history."""

    ANSWER = "answer"  # to our own call
    PROBE = "probe"  # we asked
    REISSUE = "reissue"  # to the same call made again under the same key
    WEBHOOK = "webhook"  # a callback made us ask, or proved itself
    PERSON = "person"  # shown by one person and agreed to by another
    STATEMENT = "statement"  # a line of the provider's statement


@dataclass(slots=True)
class Case:
    """A locked intent and attempt, with how and when something was learned about them."""

    intent: PaymentIntent
    attempt: PaymentAttempt
    learned_from: LearnedFrom
    now: dt.datetime


def counts_first(attempt: PaymentAttempt, kind: MovementKind, reference: str) -> bool:
    """Claim a movement of money by the provider's reference; False when it has been counted before."""
    record_id = uuid7()
    tenant = (attempt.psp_id, attempt.merchant_id, attempt.store_id)
    values = [record_id, created_at_of(record_id), *tenant, attempt.provider, kind, reference, attempt.pk]
    return bool(db.execute(COUNT_ONCE, values))


def is_counted_for(attempt: PaymentAttempt, kind: MovementKind, reference: str) -> bool:
    """Whether a movement of money was counted for this attempt, and not for another one."""
    counted = ProviderReference.objects.filter(
        psp_id=attempt.psp_id,
        merchant_id=attempt.merchant_id,
        provider=attempt.provider,
        kind=kind,
        reference=reference,
    )
    return bool(counted.filter(attempt_id=attempt.pk).exists())


def remember_attempt(case: Case, **said: Any) -> None:
    """Keep what the provider said about the attempt of a case."""
    remember(case.attempt, learned_from=case.learned_from, **said)


def remember(
    attempt: PaymentAttempt,
    *,
    learned_from: LearnedFrom,
    status: str,
    amount: Money | None = None,
    reference: str | None = None,
    error_code: str | None = None,
    details: Mapping[str, Any] | None = None,
    operation_id: uuid.UUID | None = None,
) -> None:
    """Keep what the provider said about an attempt, or about a capture or refund of it."""
    said = amount or Money(attempt.amount_minor, attempt.currency)
    PaymentTransaction(
        psp_id=attempt.psp_id,
        merchant_id=attempt.merchant_id,
        store_id=attempt.store_id,
        payment_intent_id=attempt.intent_id,
        attempt_id=attempt.pk,
        operation_id=operation_id,
        provider_name=attempt.provider,
        learned_from=learned_from,
        status=status,
        amount_minor=said.amount_minor,
        currency=said.currency,
        provider_reference=reference,
        error_code=error_code,
        details=dict(details or {}),
    ).save(force_insert=True)
