"""The rows of seeded payments as lines for COPY: what the platform itself would have written, without running it."""

import json
import random
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from bench.lives import ATTEMPT, ENDED, LIFETIME_MS, LIVES, NULL, PAID, SLOWEST_PAYER_MS, Life
from kernel.ids import encode
from mpac.pgw.domain.keys import provider_key

COLUMNS = {
    "payment_intents": "id, created_at, psp_id, merchant_id, store_id, status, version, updated_at, amount_minor,"
    " currency, authorized_minor, capturing_minor, captured_minor, refunding_minor, refunded_minor, method, provider,"
    " capture_method, source, livemode, reference, metadata, idempotency_key, expires_at",
    "payment_attempts": "id, created_at, psp_id, merchant_id, store_id, intent_id, number, status, status_at, version,"
    " provider, account, provider_key, provider_reference, amount_minor, currency, captured_minor, livemode, probes",
    "payment_intent_events": "id, created_at, psp_id, merchant_id, store_id, intent_id, attempt_id, sequence,"
    " from_status, to_status, actor, reason",
    "payment_transactions": "id, created_at, psp_id, merchant_id, store_id, payment_intent_id, attempt_id,"
    " provider_name, learned_from, status, amount_minor, currency, provider_reference, details",
    "provider_references": "id, created_at, psp_id, merchant_id, store_id, provider, kind, reference, attempt_id",
    "webhook_keys": "id, created_at, psp_id, merchant_id, provider, account, dedupe_key, provider_key,"
    " provider_reference, operation_key, status, tries, deliveries, last_error",
    "webhook_events": "id, created_at, psp_id, merchant_id, provider, account, dedupe_key, headers, body,"
    " remote_address",
    "routing_decisions": "id, created_at, psp_id, merchant_id, store_id, intent_id, attempt_id, provider, failover,"
    " method, amount_minor, currency, livemode, candidates",
    "outbox": "id, created_at, psp_id, merchant_id, store_id, type, version, aggregate_id, payload, request_id, tries,"
    " next_try_at, delivered_at, last_error",
    "partner_events": "id, created_at, psp_id, merchant_id, store_id, livemode, type, object_id, sequence, data",
    "inbox": "consumer, event_id, handled_at",
    "idempotency_keys": "psp_id, merchant_id, store_id, operation, key, fingerprint, state, resource_id, status, body,"
    " locked_until, created_at",
}
PARTITIONED = (
    "payment_intent_events",
    "payment_transactions",
    "webhook_events",
    "routing_decisions",
    "outbox",
    "partner_events",
)
OPERATION = "test/payment_intents.create"
HEADERS = json.dumps({"Host": "mpac", "Content-Type": "application/json", "User-Agent": "bank/1.0"})
CANDIDATES = (
    '[{"mode": null, "place": "name", "barred": null, "breaker": "closed", "resting": false,'
    ' "provider": "%s", "cost_minor": null}]'
)
ACCOUNT = '{"biller_id": "010556000000001"}'
POOL = 1 << 15
OPEN_MS = (
    60 * 86_400_000
)  # what is still open has time enough that no sweep takes it while something is measured
NOTICE = (
    '{"transactionId":"%s","amount":"%.2f","currencyCode":"764","transactionType":"Domestic Transfers","payeeProxyType":'
    '"BILLERID","payeeProxyId":"010556000000001","payerProxyType":"ACCOUNT","payerName":"Test Customer",'
    '"sendingBankCode":"014","receivingBankCode":"014","channelCode":"PMH","billPaymentRef1":"%s"}'
)
TOLD = (
    '{"method": "%s", "source": "api", "status": "%s", "currency": "THB", "livemode": false, "provider": null,'
    ' "intent_id": "%s", "reference": null, "amount_minor": %d}'
)
DETAILS = '{"channel_code": "PMH", "transaction_type": "Domestic Transfers", "sending_bank_code": "014"}'


class Place(NamedTuple):
    """The store that a payment belongs to."""

    psp_id: int
    merchant_id: int
    store_id: int


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of time with so many intents, evenly spread."""

    starts_ms: int
    ends_ms: int
    intents: int


@dataclass(slots=True, kw_only=True)
class Payment:
    """One payment that is being written down: who, how much, and when what happened."""

    life: Life
    place: Place
    tenant: str
    intent: str
    attempt: str
    key: str
    amount: int
    reference: str
    at: int
    times: dict[int, int]
    texts: dict[int, str]
    recent: bool


class Rows:
    """Makes the lines of one span, the same ones whenever it is asked, table by table in blocks."""

    def __init__(self, span: Span, *, places: Sequence[Place], recent_from_ms: int) -> None:
        self._span, self._places, self._recent_from_ms = span, places, recent_from_ms
        self._random = random.Random(span.starts_ms)
        self._chance, self._used = "", 0
        self._lines: dict[str, list[str]] = {}

    def blocks(self, *, size: int) -> Iterator[tuple[int, dict[str, str]]]:
        """How many intents a block has, and its lines by table, in the order of the intents' creation."""
        span = self._span
        latest = span.ends_ms - LIFETIME_MS - SLOWEST_PAYER_MS
        lives = self._random.choices(LIVES, [life.weight for life in LIVES], k=span.intents)
        for first in range(0, span.intents, size):
            block = lives[first : first + size]
            self._lines = {table: [] for table in COLUMNS}
            for index, life in enumerate(block, start=first):
                self._write(life, span.starts_ms + (latest - span.starts_ms) * index // span.intents)
            yield len(block), {table: "".join(lines) for table, lines in self._lines.items() if lines}

    def _write(self, life: Life, at: int) -> None:
        """Everything that one payment leaves behind."""
        payment = self._payment(life, at)
        self._write_history(payment)
        key = self._write_intent(payment)
        if payment.attempt:
            self._write_attempt(payment)
            self._write_answers(payment)
        if life.notice:
            self._write_notice(payment)
        if payment.recent:
            self._write_events(payment)
            if key:
                self._write_answer_to(key, payment)

    def _payment(self, life: Life, at: int) -> Payment:
        draw = self._random
        place = self._places[int(len(self._places) * draw.random() ** 2)]
        paid = at + 5_000 + int(draw.random() * (SLOWEST_PAYER_MS - 5_000))
        fixed = {PAID: paid, ENDED: at + LIFETIME_MS + 4_000}
        times = {offset: fixed.get(offset) or at + offset for offset in life.offsets}
        attempt = self._id(at + 60) if life.attempt else ""
        return Payment(
            life=life,
            place=place,
            tenant=f"{place.psp_id}\t{place.merchant_id}\t{place.store_id}",
            intent=self._id(at),
            attempt=attempt,
            key=provider_key(uuid.UUID(attempt)) if attempt else "",
            amount=2_000 + int(draw.random() * 150_000),
            reference=self._digits(18),
            at=at,
            times=times,
            texts={offset: _text(moment) for offset, moment in times.items()},
            recent=at >= self._recent_from_ms,
        )

    def _write_history(self, payment: Payment) -> None:
        history, times, texts = self._lines["payment_intent_events"], payment.times, payment.texts
        for step, tail in payment.life.tails:
            subject = payment.attempt if step.subject is ATTEMPT else NULL
            history.append(
                f"{self._id(times[step.at])}\t{texts[step.at]}\t{payment.tenant}\t{payment.intent}\t{subject}{tail}"
            )

    def _write_intent(self, payment: Payment) -> str:
        """Returns the key of a partner's request, or nothing for a sale at a terminal."""
        life, place = payment.life, payment.place
        captured = payment.amount if life.paid else 0
        if self._random.random() < 0.5:
            source, reference, key = "api", NULL, self._digits(32)
            scoped = f"{place.psp_id}/0/0/{OPERATION}/{key}"
        else:
            source, key = "smarttab", ""
            reference = scoped = encode("pay", uuid.UUID(self._id(payment.at - 40)))
        self._lines["payment_intents"].append(
            f"{payment.intent}\t{_text(payment.at)}\t{payment.tenant}\t{life.status}\t{life.version}\t"
            f"{payment.texts[life.steps[-1].at]}\t{payment.amount}\tTHB\t{captured}\t0\t{captured}\t0\t0\t{life.method}"
            f"\t{life.provider or NULL}\tautomatic\t{source}\tf\t{reference}\t{{}}\t{scoped}\t"
            f"{_text(payment.at + (LIFETIME_MS if life.ended else OPEN_MS))}\n"
        )
        return key

    def _write_attempt(self, payment: Payment) -> None:
        """The attempt, and the movement of money if there was one."""
        life, last = payment.life, payment.life.steps[-2]
        at = last.at
        captured = payment.amount if life.paid else 0
        reference = payment.reference if life.paid else NULL
        self._lines["payment_attempts"].append(
            f"{payment.attempt}\t{_text(payment.at + 60)}\t{payment.tenant}\t{payment.intent}\t1\t{life.attempt}\t"
            f"{payment.texts[at]}\t{last.sequence}\t{life.provider}\t{ACCOUNT}\t{payment.key}\t{reference}\t{payment.amount}\tTHB\t"
            f"{captured}\tf\t0\n"
        )
        if life.paid:
            self._lines["provider_references"].append(
                f"{self._id(payment.times[at])}\t{payment.texts[at]}\t{payment.tenant}\t{life.provider}\tpayment\t"
                f"{reference}\t{payment.attempt}\n"
            )
        if payment.recent:
            moment = payment.at + 87
            self._lines["routing_decisions"].append(
                f"{self._id(moment)}\t{_text(moment)}\t{payment.tenant}\t{payment.intent}\t{payment.attempt}\t"
                f"{life.provider}\tf\t{life.method}\t{payment.amount}\tTHB\tf\t{CANDIDATES % life.provider}\n"
            )

    def _write_answers(self, payment: Payment) -> None:
        """What the provider said."""
        for learned_from, status, at in payment.life.answers:
            reference, details = (payment.reference, DETAILS) if status == "captured" else (NULL, "{}")
            self._lines["payment_transactions"].append(
                f"{self._id(payment.times[at])}\t{payment.texts[at]}\t{payment.tenant}\t{payment.intent}\t"
                f"{payment.attempt}\t{payment.life.provider}\t{learned_from}\t{status}\t{payment.amount}\tTHB\t"
                f"{reference}\t{details}\n"
            )

    def _write_notice(self, payment: Payment) -> None:
        """The key that makes the provider's notice count once, and its bytes."""
        key, moment = payment.key, payment.times[PAID] - 90
        narrow = f"{payment.place.psp_id}\t{payment.place.merchant_id}"
        known = f"{payment.life.provider}\t\t{payment.reference}:{key}"
        self._lines["webhook_keys"].append(
            f"{self._id(moment)}\t{_text(moment)}\t{narrow}\t{known}\t{key}\t{payment.reference}\t\tapplied\t1\t1\t\n"
        )
        if payment.recent:
            body = (NOTICE % (payment.reference, payment.amount / 100, key)).encode().hex()
            self._lines["webhook_events"].append(
                f"{self._id(moment)}\t{_text(moment)}\t{narrow}\t{known}\t{HEADERS}\t\\\\x{body}\t203.0.113.7\n"
            )

    def _write_events(self, payment: Payment) -> None:
        """What was announced, what its partner was told, and the receipt for it."""
        name = encode("pi", uuid.UUID(payment.intent))
        told = TOLD % (payment.life.method, payment.life.status, name, payment.amount)
        for sequence, (kind, at) in enumerate(payment.life.events, start=1):
            event, text = self._id(payment.times[at]), payment.texts[at]
            self._lines["outbox"].append(
                f"{event}\t{text}\t{payment.tenant}\tpgw.payment_intent_{kind}\t1\t{name}\t{told}\treq_{event[:26]}\t1\t"
                f"{text}\t{text}\t\n"
            )
            self._lines["partner_events"].append(
                f"{event}\t{text}\t{payment.tenant}\tf\tpayment_intent.{kind}\t{name}\t{sequence}\t{told}\n"
            )
            self._lines["inbox"].append(f"pgw.tell_partner\t{event}\t{text}\n")

    def _write_answer_to(self, key: str, payment: Payment) -> None:
        """What a partner's request was answered, kept under its key."""
        body, text = payment.intent.ljust(640).encode().hex(), _text(payment.at)
        self._lines["idempotency_keys"].append(
            f"{payment.place.psp_id}\t0\t0\t{OPERATION}\t{key}\t\\\\x{self._digits(64)}\tfinished\t\t201\t\\\\x{body}\t"
            f"{text}\t{text}\n"
        )

    def _id(self, at: int) -> str:
        """A UUIDv7 of this millisecond."""
        chance = self._digits(18)
        return f"{at:012x}7{chance[:3]}a{chance[3:]}"

    def _digits(self, count: int) -> str:
        """So many hexadecimal digits of chance."""
        used = self._used
        if used + count > len(self._chance):
            self._chance, used = self._random.randbytes(POOL).hex(), 0
        self._used = used + count
        return self._chance[used : used + count]


@lru_cache(maxsize=8192)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(second))


def _text(at: int) -> str:
    """The instant as PostgreSQL reads it."""
    return f"{_second(at // 1000)}.{at % 1000:03d}+00"
