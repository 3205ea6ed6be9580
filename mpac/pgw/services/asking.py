"""Asking a provider about one attempt: read what is needed, ask with no transaction open, store what is proven."""

import datetime as dt
import uuid
from dataclasses import dataclass
from functools import partial

from kernel.crashpoints import crashpoint, declare
from kernel.crypto import CryptoError
from kernel.logs import get_logger
from kernel.tenancy import TenantScope
from mpac.pgw.adapters.port import ActionRequired, Adapter, ChargeRequest, NotProcessed, Outcome, Unknown
from mpac.pgw.adapters.registry import find_adapter
from mpac.pgw.db import atomic
from mpac.pgw.domain.attempts import AttemptStatus
from mpac.pgw.errors import NothingToAsk
from mpac.pgw.models import Capture, PaymentAttempt, PaymentIntent, Refund
from mpac.pgw.selectors.intents import get_attempt
from mpac.pgw.services.accounts import charge_request
from mpac.pgw.services.calls import measured
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.truth import apply_provider_truth

logger = get_logger(__name__)
declare("pgw.void_sent", "pgw.void_answered", "pgw.void_committed")

NO_ACCOUNT = Unknown(code="account_gone", message="There is no account to ask with.")


@dataclass(frozen=True, slots=True)
class Question:
    """An attempt to ask about, with all that is needed to ask without a database."""

    attempt: PaymentAttempt
    scope: TenantScope
    adapter: Adapter | None
    request: ChargeRequest | None

    def probe(self) -> Outcome:
        """What became of the charge, by the provider's word."""
        if self.adapter is None or self.request is None:
            return NO_ACCOUNT
        return measured(self.adapter.name, "probe", partial(self.adapter.probe, self.request))

    def create(self) -> Outcome:
        """The same call under the same key once more."""
        if self.adapter is None or self.request is None:
            return NO_ACCOUNT
        call = partial(self.adapter.create, self.request)
        return measured(self.adapter.name, "reissue", call, token=self.request.payment_token)

    def withdraw(self) -> tuple[Outcome, LearnedFrom]:
        """Make unpayable what the customer was shown; where the provider does not do that, ask what became of it."""
        if self.adapter is not None and self.adapter.capabilities.void:
            outcome = self.void()
            if not isinstance(outcome, NotProcessed | ActionRequired):
                return outcome, LearnedFrom.ANSWER
        return self.probe(), LearnedFrom.PROBE

    def finish(self) -> Outcome:
        """Take or hold what its payer has agreed to."""
        if self.adapter is None or self.request is None:
            return NO_ACCOUNT
        return measured(self.adapter.name, "finish", partial(self.adapter.finish, self.request))

    def void(self) -> Outcome:
        """Let go what the charge holds."""
        if self.adapter is None or self.request is None:
            return NO_ACCOUNT
        return measured(self.adapter.name, "void", partial(self.adapter.void, self.request))


def prepare_question(
    *, scope: TenantScope, attempt_id: uuid.UUID, now: dt.datetime, timeout_s: float | None = None
) -> Question:
    """Read an attempt and open its account. Raises NotFound."""
    with atomic(scope):
        attempt = get_attempt(attempt_id)
        adapter = find_adapter(attempt.provider)
        try:
            request = charge_request(attempt, now=now, timeout_s=timeout_s)
        except CryptoError:
            logger.warning("an attempt's account cannot be opened", attempt=str(attempt_id))
            return Question(attempt, scope, None, None)
    return Question(attempt, scope, adapter, request)


def probe_attempt(
    *,
    scope: TenantScope,
    attempt_id: uuid.UUID,
    learned_from: LearnedFrom,
    now: dt.datetime,
    timeout_s: float | None = None,
) -> tuple[PaymentIntent, Outcome]:
    """Ask once and store the answer; returns the intent as it then stands, and the answer. Raises NotFound."""
    outcome = prepare_question(scope=scope, attempt_id=attempt_id, now=now, timeout_s=timeout_s).probe()
    intent = apply_provider_truth(
        scope=scope, attempt_id=attempt_id, outcome=outcome, learned_from=learned_from, now=now
    )
    return intent, outcome


def withdraw_shown(*, scope: TenantScope, attempt_id: uuid.UUID, now: dt.datetime) -> PaymentIntent:
    """Take back once what the customer was shown and store the answer; returns the intent as it then stands."""
    outcome, learned_from = prepare_question(scope=scope, attempt_id=attempt_id, now=now).withdraw()
    return apply_provider_truth(
        scope=scope, attempt_id=attempt_id, outcome=outcome, learned_from=learned_from, now=now
    )


def void_hold(*, scope: TenantScope, attempt_id: uuid.UUID, now: dt.datetime) -> PaymentIntent:
    """Let held money go once and store the answer; returns the intent as it then stands. Raises NotFound."""
    crashpoint("pgw.void_sent")
    outcome = prepare_question(scope=scope, attempt_id=attempt_id, now=now).void()
    crashpoint("pgw.void_answered")
    intent = apply_provider_truth(
        scope=scope, attempt_id=attempt_id, outcome=outcome, learned_from=LearnedFrom.ANSWER, now=now
    )
    crashpoint("pgw.void_committed")
    return intent


def ask_soon(*, scope: TenantScope, row: PaymentAttempt | Capture | Refund, now: dt.datetime) -> None:
    """Let the resolver ask about this as soon as it can. Raises NothingToAsk when nothing about it is open."""
    with atomic(scope):
        scheduled = type(row).objects.filter(pk=row.pk)
        if isinstance(row, PaymentAttempt):
            scheduled = scheduled.exclude(status=AttemptStatus.CAPTURED)
        else:
            scheduled = scheduled.filter(next_probe_at__isnull=False)
        if not scheduled.update(next_probe_at=now):
            raise NothingToAsk
