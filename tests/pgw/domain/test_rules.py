"""The gateway's rules of time, identity and late money ..."""

import datetime as dt
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.ids import uuid7
from mpac.pgw.domain import lateness, methods, probing, webhooks
from mpac.pgw.domain.attempts import CLOSED_UNPAID, OPEN, AttemptStatus
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.domain.keys import provider_key
from mpac.pgw.domain.late_payments import LateReason
from mpac.pgw.domain.lateness import LateDecision, Source

NOW = dt.datetime(2026, 11, 21, 7, tzinfo=dt.UTC)


def test_make_keys_that_a_bank_takes():
    key = provider_key(uuid7())
    assert re.fullmatch(r"[A-Z0-9]{20}", key)


def test_make_shorter_keys_for_a_bank_that_takes_fewer_characters():
    keys = {provider_key(uuid7(), length=15) for _ in range(5000)}
    assert len(keys) == 5000
    assert all(re.fullmatch(r"[A-Z0-9]{15}", key) for key in keys)


def test_make_one_key_per_attempt_for_ever():
    attempt_id = uuid7()
    assert provider_key(attempt_id) == provider_key(attempt_id)


def test_make_different_keys_for_different_attempts():
    keys = {provider_key(uuid7()) for _ in range(20_000)}
    assert len(keys) == 20_000


def test_make_keys_that_sort_by_time():
    instants = [NOW + dt.timedelta(milliseconds=step) for step in (0, 1, 1000, 86_400_000, 10**11)]
    keys = [provider_key(uuid7(at=instant)) for instant in instants]
    assert keys == sorted(keys)


def test_make_no_key_from_a_random_id():
    with pytest.raises(ValueError, match="UUIDv7"):
        provider_key(uuid7().__class__(int=0))


@pytest.mark.parametrize("length", [15, 20])
def test_make_keys_that_still_fit_when_their_clock_ends(length):
    last = uuid7(at=dt.datetime(2089, 9, 6, tzinfo=dt.UTC))
    key = provider_key(last.__class__(int=last.int | (1 << 62) - 1), length=length)
    assert len(key) == length
    assert key > provider_key(uuid7(at=NOW), length=length)


@given(st.sampled_from(sorted(OPEN - {AttemptStatus.AUTHORIZED})), st.integers(min_value=0, max_value=10_000))
def test_always_ask_again_about_an_open_outcome(status, probes):
    following = probing.next_probe_at(status=AttemptStatus(status), probes=probes, opened_at=NOW, now=NOW)
    assert following is not None
    assert NOW < following <= NOW + dt.timedelta(minutes=1)


@given(st.integers(min_value=0, max_value=10_000))
def test_look_after_held_money_for_as_long_as_it_is_held(probes):
    following = probing.next_probe_at(status=AttemptStatus.AUTHORIZED, probes=probes, opened_at=NOW, now=NOW)
    assert following is not None
    assert NOW < following <= NOW + dt.timedelta(minutes=10)


@given(st.integers(min_value=0, max_value=10_000), st.booleans())
def test_always_ask_again_about_an_open_refund_or_capture(probes, accepted):
    following = probing.next_operation_probe_at(probes=probes, accepted=accepted, now=NOW)
    assert NOW < following <= NOW + dt.timedelta(hours=1 if accepted else 1 / 60)


def test_ask_about_an_unknown_outcome_often_at_first():
    waits, now = [], NOW
    for probes in range(8):
        following = probing.next_probe_at(status=AttemptStatus.UNKNOWN, probes=probes, opened_at=NOW, now=now)
        waits.append((following - now).total_seconds())
        now = following
    assert waits == sorted(waits)
    assert waits[0] <= 2
    assert now - NOW < dt.timedelta(minutes=5)


@pytest.mark.parametrize("status", sorted(CLOSED_UNPAID))
def test_watch_what_was_closed_without_money_for_three_days(status):
    now, probes = NOW, 0
    while (
        following := probing.next_probe_at(status=status, probes=probes, opened_at=NOW, now=now)
    ) is not None:
        assert following > now
        now, probes = following, probes + 1
    assert dt.timedelta(days=1) < now - NOW <= dt.timedelta(days=3)


def test_never_ask_about_captured_money():
    assert probing.next_probe_at(status=AttemptStatus.CAPTURED, probes=0, opened_at=NOW, now=NOW) is None


def test_try_a_notice_ever_later_and_then_stop():
    waits = []
    for tries in itertools.count():
        following = webhooks.next_try_at(tries=tries, now=NOW)
        if following is None:
            break
        waits.append(following - NOW)
    assert waits == sorted(waits)
    assert len(waits) == len(webhooks.RETRY_STEPS_S)


@pytest.mark.parametrize(
    ("source", "reason", "decision"),
    [
        (Source.SMARTTAB, LateReason.AFTER_FAILURE, LateDecision.ASK),
        (Source.SMARTTAB, LateReason.AFTER_CANCEL, LateDecision.ASK),
        (Source.SMARTTAB, LateReason.AFTER_EXPIRY, LateDecision.ASK),
        (Source.API, LateReason.AFTER_FAILURE, LateDecision.ACCEPT),
        (Source.API, LateReason.AFTER_CANCEL, LateDecision.RETURN),
        (Source.API, LateReason.AFTER_EXPIRY, LateDecision.ACCEPT),
        (Source.API, LateReason.DUPLICATE, LateDecision.RETURN),
        (Source.API, LateReason.WRONG_AMOUNT, LateDecision.RETURN),
        (Source.SMARTTAB, LateReason.DUPLICATE, LateDecision.RETURN),
        (Source.SMARTTAB, LateReason.WRONG_AMOUNT, LateDecision.RETURN),
    ],
)
def test_decide_about_late_money(source, reason, decision):
    assert lateness.decide(source=source, reason=reason) is decision


def test_name_the_reason_by_how_the_intent_ended():
    assert lateness.reason_for(IntentStatus.EXPIRED) is LateReason.AFTER_EXPIRY
    assert lateness.reason_for(IntentStatus.SUCCEEDED) is LateReason.DUPLICATE


@pytest.mark.parametrize(
    ("text", "code"),
    [("card", "credit_card"), ("promptpay", "qr_code"), ("qr_code", "qr_code"), ("cash", None), ("", None)],
)
def test_know_methods_by_every_documents_name(text, code):
    assert methods.method_code(text) == code
