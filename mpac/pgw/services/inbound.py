"""What providers send us of their own accord: stored first, answered, and applied exactly once in effect.

An unsigned notice is never believed: it makes us ask the provider, and only the provider's answer moves money. The asking
is done at once, so that the terminal learns without delay, and again by a job when it could not be done.
"""

import datetime as dt
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kernel.crashpoints import crashpoint, declare
from kernel.errors import DomainError, NotFound
from kernel.ids import created_at_of, uuid7
from kernel.logs import get_logger
from kernel.metrics import webhooks_received
from kernel.scrubbing import scrub
from kernel.tenancy import SystemScope, TenantScope
from mpac.pgw import conf
from mpac.pgw.adapters.port import (
    Agreed,
    Approved,
    Authorized,
    CaptureNews,
    Outcome,
    ProviderAccount,
    RefundNews,
    WebhookHint,
    WebhookTrust,
)
from mpac.pgw.adapters.registry import find_adapter
from mpac.pgw.db import atomic, db
from mpac.pgw.domain.captures import CaptureStatus
from mpac.pgw.domain.refunds import RefundStatus
from mpac.pgw.domain.webhooks import OPEN, WebhookStatus, next_try_at
from mpac.pgw.errors import WebhookRefused
from mpac.pgw.models import Capture, PaymentAttempt, Refund, WebhookEvent, WebhookKey
from mpac.pgw.selectors.disputes import find_paid_attempt
from mpac.pgw.selectors.mirror import find_named_account
from mpac.pgw.selectors.refunds import find_refund_by_operation
from mpac.pgw.services.accounts import open_named_account
from mpac.pgw.services.asking import probe_attempt
from mpac.pgw.services.capture_truth import apply_capture_truth
from mpac.pgw.services.disputes import apply_dispute_news, pack_news, unpack_news
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.fairness import Share, Waiting
from mpac.pgw.services.finishing import finish_attempt
from mpac.pgw.services.operations import prepare_refund
from mpac.pgw.services.refund_truth import apply_refund_truth
from mpac.pgw.services.truth import apply_provider_truth

logger = get_logger(__name__)
declare("pgw.webhook_stored", "pgw.webhook_applied")

SCOPE = SystemScope("webhooks")

# The first delivery makes the row; every further one is counted on it.
SEEN = """
    INSERT INTO webhook_keys (id, created_at, psp_id, merchant_id, provider, account, dedupe_key, provider_key,
                              provider_reference, operation_key, dispute, status, tries, next_try_at, deliveries,
                              last_error)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, %s, 1, '')
    ON CONFLICT (provider, account, dedupe_key) DO UPDATE SET deliveries = webhook_keys.deliveries + 1
    RETURNING id, status
"""
WAITING = Waiting(
    table="webhook_keys", due_at="next_try_at", condition="status IN ('pending', 'parked', 'applied')"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One delivery as it came over the wire."""

    provider: str
    account: str = ""
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    remote_address: str = ""


def receive_webhook(*, delivery: Delivery, now: dt.datetime) -> Mapping[str, Any] | str:
    """Store a notice, try to apply it, and return the answer that its provider expects.

    Nothing that happens after the notice is stored can make the answer fail. Raises NotFound for an unknown provider,
    WebhookMalformed and WebhookRefused.
    """
    adapter = find_adapter(delivery.provider)
    if adapter is None:
        raise NotFound
    try:
        hint = adapter.read_webhook(
            headers=delivery.headers, body=delivery.body, account=_open_account(delivery), now=now
        )
    except DomainError:
        webhooks_received.labels(adapter.name, "refused").inc()
        raise
    is_signed = adapter.capabilities.webhook_trust is WebhookTrust.SIGNED
    if not is_signed:
        hint = replace(hint, dispute=None)
    key_id, status = _store(delivery, hint, is_signed=is_signed, now=now)
    result: str = "repeated"
    crashpoint("pgw.webhook_stored")
    if status in OPEN:
        try:
            result = settle_notice(key_id, facts=hint if is_signed else None, now=now)
        except Exception:
            result = WebhookStatus.PENDING
            logger.exception("a stored notice could not be applied yet", webhook=str(key_id))
    webhooks_received.labels(adapter.name, result).inc()
    crashpoint("pgw.webhook_applied")
    return hint.answer


def retry_webhooks(*, now: dt.datetime) -> int:
    """Try notices again that could not be applied when they came, fairly, and return how many it were."""
    started, count = time.monotonic(), 0
    share = Share(per_merchant=conf.NOTICE_BATCH, per_psp=conf.NOTICE_BATCH)
    while time.monotonic() - started < conf.CLAIM_WINDOW_S:
        due = WAITING.claim(SCOPE, room=conf.NOTICE_BATCH, share=share, under_way=(), now=now)
        for claim in due:
            try:
                settle_notice(claim.id, facts=None, now=now)
            except Exception:
                logger.exception("a stored notice could not be applied yet", webhook=str(claim.id))
        count += len(due)
        if len(due) < conf.NOTICE_BATCH:
            break
    return count


def _open_account(delivery: Delivery) -> ProviderAccount | None:
    """The account named in the notice's address, with the secrets that its signature is checked with."""
    if not delivery.account:
        return None
    with atomic(SCOPE):
        return open_named_account(provider=delivery.provider, account_id=delivery.account)


def _store(
    delivery: Delivery, hint: WebhookHint, *, is_signed: bool, now: dt.datetime
) -> tuple[uuid.UUID, str]:
    """Keep the bytes and the key in one commit; the tenant is kept with them when the attempt or refund is known."""
    with atomic(SCOPE):
        operation_key = hint.refund.operation_key if hint.refund else ""
        dispute = pack_news(hint.dispute) if hint.dispute else None
        about = _find_subject(
            WebhookKey(
                provider=delivery.provider,
                account=delivery.account,
                provider_key=hint.provider_key,
                provider_reference=hint.provider_reference,
                operation_key=operation_key,
                dispute=dispute,
            )
        )
        psp_id, merchant_id = (about.psp_id, about.merchant_id) if about else (None, None)
        WebhookEvent(
            psp_id=psp_id,
            merchant_id=merchant_id,
            provider=delivery.provider,
            account=delivery.account,
            dedupe_key=hint.dedupe_key,
            headers=scrub(dict(delivery.headers)),
            body=delivery.body,
            remote_address=delivery.remote_address,
        ).save(force_insert=True)
        key_id = uuid7()
        values = [
            *(key_id, created_at_of(key_id), psp_id, merchant_id, delivery.provider, delivery.account),
            *(hint.dedupe_key, hint.provider_key, hint.provider_reference, operation_key, dispute),
            *(
                _first_status(delivery, hint, known=about is not None, is_signed=is_signed),
                next_try_at(tries=0, now=now),
            ),
        ]
        found: tuple[uuid.UUID, str] = db.execute(SEEN, values)[0]
    return found


def _first_status(delivery: Delivery, hint: WebhookHint, *, known: bool, is_signed: bool) -> WebhookStatus:
    """Where a new notice starts. What anybody can flood with notices that nothing confirms is left to its regular probes.

    A signed notice comes from the provider itself, and may be the only one that tells of its news.
    """
    if not known:
        return WebhookStatus.PARKED
    if is_signed:
        return WebhookStatus.PENDING
    about = (
        {"operation_key": hint.refund.operation_key} if hint.refund else {"provider_key": hint.provider_key}
    )
    others = WebhookKey.objects.filter(provider=delivery.provider, **about)
    unproven = others.exclude(status=WebhookStatus.APPLIED).count()
    return WebhookStatus.PENDING if unproven < conf.MAX_NOTICES_PER_ATTEMPT else WebhookStatus.UNCONFIRMED


def settle_notice(key_id: uuid.UUID, *, facts: WebhookHint | None, now: dt.datetime) -> WebhookStatus:
    """Establish the truth of one notice, by its signed `facts` or by asking, and note how far it came. Safe to repeat."""
    with atomic(SCOPE):
        key: WebhookKey = WebhookKey.objects.get(pk=key_id)
        about = _find_subject(key)
    if about is not None:
        key.psp_id, key.merchant_id = about.psp_id, about.merchant_id
    facts = facts or _read_again(key)
    if about is None:
        return _note(key, WebhookStatus.PARKED, error="no such object", now=now)
    if isinstance(about, PaymentAttempt) and key.dispute:
        return _settle_dispute(key, about, now=now)
    if isinstance(about, Refund):
        return _settle_refund(key, about, news=facts.refund if facts else None, now=now)
    return _settle_attempt(key, about, facts=facts, now=now)


def _read_again(key: WebhookKey) -> WebhookHint | None:
    """What a stored notice proved when it came, where its provider cannot be asked instead."""
    adapter = find_adapter(key.provider)
    if adapter is None or adapter.capabilities.probe:
        return None
    with atomic(SCOPE):
        named = {"provider": key.provider, "account": key.account, "dedupe_key": key.dedupe_key}
        event = WebhookEvent.objects.filter(**named).first()
        account = open_named_account(provider=key.provider, account_id=key.account) if key.account else None
    if event is None:
        return None
    try:
        return adapter.read_webhook(
            headers=event.headers, body=bytes(event.body), account=account, now=event.created_at
        )
    except WebhookRefused:  # its secret is no longer in force
        return None


def _settle_refund(
    key: WebhookKey, refund: Refund, *, news: RefundNews | None, now: dt.datetime
) -> WebhookStatus:
    scope, timeout_s = TenantScope(refund.psp_id, refund.merchant_id), conf.WEBHOOK_INQUIRY_TIMEOUT_S
    if news is None:
        operation = prepare_refund(scope=scope, refund_id=refund.pk, now=now, timeout_s=timeout_s)
        outcome = operation.probe()
    else:
        outcome = news.outcome
    refund = apply_refund_truth(
        scope=scope, refund_id=refund.pk, outcome=outcome, learned_from=LearnedFrom.WEBHOOK, now=now
    )
    is_known = news is not None or refund.status != RefundStatus.PROCESSING
    status = WebhookStatus.APPLIED if is_known else WebhookStatus.PENDING
    return _note(key, status, error="" if is_known else type(outcome).__name__, now=now)


def _settle_attempt(
    key: WebhookKey, attempt: PaymentAttempt, *, facts: WebhookHint | None, now: dt.datetime
) -> WebhookStatus:
    scope, timeout_s = TenantScope(attempt.psp_id, attempt.merchant_id), conf.WEBHOOK_INQUIRY_TIMEOUT_S
    proven = (Approved(payments=facts.payments) if facts.payments else facts.state) if facts else None
    if facts and facts.capture:
        _settle_capture(scope, attempt, news=facts.capture, now=now)
        return _note(key, WebhookStatus.APPLIED, error="", now=now)
    if proven is not None:
        outcome = proven
        apply_provider_truth(
            scope=scope, attempt_id=attempt.pk, outcome=outcome, learned_from=LearnedFrom.WEBHOOK, now=now
        )
    else:
        _, outcome = probe_attempt(
            scope=scope,
            attempt_id=attempt.pk,
            learned_from=LearnedFrom.WEBHOOK,
            now=now,
            timeout_s=timeout_s,
        )
    if isinstance(outcome, Agreed):
        finish_attempt(scope=scope, attempt_id=attempt.pk, now=now, timeout_s=timeout_s)
    if proven is not None or _confirms(outcome, key):
        return _note(key, WebhookStatus.APPLIED, error="", now=now)
    return _note(key, WebhookStatus.PENDING, error=type(outcome).__name__, now=now)


def _settle_capture(
    scope: TenantScope, attempt: PaymentAttempt, *, news: CaptureNews, now: dt.datetime
) -> None:
    """Believe signed news of the capture under way; without one there is nothing to learn."""
    under_way = {"status": CaptureStatus.PROCESSING, "amount_minor": news.amount.amount_minor}
    with atomic(scope):
        capture = Capture.objects.filter(attempt=attempt, currency=news.amount.currency, **under_way).first()
    if capture is not None:
        apply_capture_truth(
            scope=scope,
            capture_id=capture.pk,
            outcome=news.outcome,
            learned_from=LearnedFrom.WEBHOOK,
            now=now,
        )


def _settle_dispute(key: WebhookKey, attempt: PaymentAttempt, *, now: dt.datetime) -> WebhookStatus:
    apply_dispute_news(
        scope=TenantScope(attempt.psp_id, attempt.merchant_id),
        attempt_id=attempt.pk,
        news=unpack_news(key.dispute),
        learned_from=LearnedFrom.WEBHOOK,
        now=now,
    )
    return _note(key, WebhookStatus.APPLIED, error="", now=now)


def _confirms(outcome: Outcome, key: WebhookKey) -> bool:
    """Whether the provider's own answer holds the movement of money, the hold, or the consent that the notice is about."""
    if isinstance(outcome, Agreed):
        return True
    if isinstance(outcome, Authorized):
        return outcome.reference == key.provider_reference
    return isinstance(outcome, Approved) and any(
        payment.reference == key.provider_reference for payment in outcome.payments
    )


def _note(key: WebhookKey, status: WebhookStatus, *, error: str, now: dt.datetime) -> WebhookStatus:
    """Store and return how far a notice came; one that the provider never confirms is tried ever later and then left."""
    following = None if status is WebhookStatus.APPLIED else next_try_at(tries=key.tries + 1, now=now)
    if status is WebhookStatus.PENDING and following is None:
        status = WebhookStatus.UNCONFIRMED
    came = {"tries": key.tries + 1, "next_try_at": following, "last_error": error}
    came |= {"psp_id": key.psp_id, "merchant_id": key.merchant_id}
    with atomic(SCOPE):
        kept = WebhookKey.objects.filter(pk=key.pk)
        if key.status == WebhookStatus.APPLIED:  # applied once more: whatever comes of it, it was applied
            kept.update(**came)
        else:
            kept.exclude(status=WebhookStatus.APPLIED).update(status=status, **came)
    return status


def _find_subject(key: WebhookKey) -> PaymentAttempt | Refund | None:
    """What a notice is about: a refund, if it names one, else an attempt, by our key or by the provider's reference.

    Whoever knows an account's secret speaks for its merchant alone, and for test money or real money alone.
    """
    account = find_named_account(provider=key.provider, account_id=key.account)
    found: PaymentAttempt | Refund | None = None
    if key.operation_key:
        found = find_refund_by_operation(provider=key.provider, operation_key=key.operation_key)
    elif key.provider_key:
        found = PaymentAttempt.objects.filter(provider=key.provider, provider_key=key.provider_key).first()
    elif account is not None:
        found = find_paid_attempt(account=account, reference=key.provider_reference)
    if found is None or account is None:
        return found
    is_own = (found.psp_id, found.merchant_id) == (account.psp_id, account.merchant_id)
    return found if is_own and account.livemode in (None, found.livemode) else None
