"""A statement's line ..."""

import datetime as dt

import pytest

from kernel.money import Money
from mpac.pgw.adapters.port import NotProcessed, Unknown
from mpac.pgw.domain.statements.profiles import declared_profile
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.doubles import TIMEOUT, answers
from tests.pgw.services.reconciliation.conftest import LAYOUT

pytestmark = pytest.mark.usefixtures("healthy")

LOST = Unknown(code="timeout", message="")


def test_of_a_payment_that_we_know_is_matched(gateway, paid, statements):
    attempt = gateway.attempt(paid)
    file = statements.take(statements.paid(attempt))
    [line] = statements.lines()
    assert (line.outcome, line.attempt_id, line.known_minor) == ("matched", attempt.pk, 12550)
    assert (file.status, file.report["outcomes"]) == ("reconciled", {"matched": 1})
    assert statements.exceptions() == []


@pytest.mark.parametrize("known_by", ["reference", "payment", "key"])
def test_is_matched_by_whichever_name_it_has(gateway, paid, statements, known_by):
    attempt = gateway.attempt(paid)
    names = {"reference": "OTHER", "payment": "", "key": ""}
    names |= {known_by: attempt.provider_key if known_by == "key" else attempt.provider_reference}
    statements.take(statements.line(**names))
    [line] = statements.lines()
    assert (line.outcome, line.attempt_id) == ("matched", attempt.pk)


def test_of_money_that_nobody_knows_is_an_exception(statements, mirrored):
    statements.take(statements.line(reference="STRANGE", key="NO-KEY"))
    [exception] = statements.exceptions()
    assert (exception.outcome, exception.status, exception.reference) == (
        "missing_in_mpac",
        "open",
        "STRANGE",
    )
    assert (exception.told_minor, exception.known_minor, exception.line_number) == (12550, None, 2)
    assert statements.history(exception) == [(None, "open", "comparison")]


@pytest.mark.parametrize(("cells", "told"), [({"amount": "125.49"}, 12549), ({"currency": "USD"}, 12550)])
def test_with_another_sum_is_an_exception(gateway, paid, statements, cells, told):
    statements.take(statements.paid(gateway.attempt(paid), **cells))
    [exception] = statements.exceptions()
    assert (exception.outcome, exception.told_minor, exception.known_minor) == (
        "amount_mismatch",
        told,
        12550,
    )


@pytest.mark.parametrize(
    ("cells", "outcome"),
    [
        ({"fee": "1.00", "net": "124.50"}, "matched"),
        ({"fee": "1.00", "net": "124.51"}, "fee_mismatch"),
        ({"fee": "1.00"}, "matched"),
        ({"net": "124.50"}, "fee_mismatch"),
    ],
)
def test_whose_fee_does_not_add_up_is_an_exception(gateway, paid, statements, cells, outcome):
    statements.take(statements.paid(gateway.attempt(paid), **cells))
    assert statements.outcomes() == [outcome]


@pytest.mark.parametrize(
    ("fee", "outcome"), [("2.21", "matched"), ("2.22", "matched"), ("2.23", "fee_mismatch")]
)
def test_whose_fee_is_not_that_of_the_contract_is_an_exception(gateway, paid, statements, fee, outcome):
    rule = "[fee]\nrate_ppm = 16500\ntax_ppm = 70000\ntolerance_minor = 1\n"
    statements.take(statements.paid(gateway.attempt(paid), fee=fee), profile=declared_profile(LAYOUT + rule))
    assert statements.outcomes() == [outcome]
    assert [each.outcome for each in statements.exceptions()] == [outcome][: outcome != "matched"]


def test_that_tells_a_movement_again_is_an_exception(gateway, paid, statements):
    once = statements.paid(gateway.attempt(paid))
    again = once | {"at": (statements.now + dt.timedelta(seconds=1)).isoformat()}
    renamed = statements.line(reference="ALIAS", key=once["key"])
    statements.take(once, again, renamed)
    statements.take(once, again)
    assert statements.outcomes() == ["matched", "duplicate", "duplicate", "duplicate", "duplicate"]
    assert len(statements.exceptions()) == 4


def test_of_a_fee_or_a_payout_is_kept_and_has_no_counterpart(statements, mirrored):
    file = statements.take(statements.line("fee", amount="-3.00"))
    assert (statements.outcomes(), statements.exceptions()) == (["no_counterpart"], [])
    [entry] = file.report["sums"]
    assert (entry["kind"], entry["lines"], entry["amount_minor"]) == ("fee", 1, 300)


def test_resolves_an_attempt_whose_outcome_is_unknown(gateway, provider, statements, events):
    provider.on_create.append(answers(LOST))
    intent = gateway.shown()
    assert gateway.attempt(intent).status == "unknown"
    statements.take(statements.line(reference="BANK9", key=gateway.attempt(intent).provider_key))
    assert statements.outcomes() == ["matched"]
    assert (gateway.intent(intent).status, gateway.attempt(intent).provider_reference) == (
        "succeeded",
        "BANK9",
    )
    assert events(intent)[-1] == "payment_intent_succeeded"
    gateway.provider.pay(gateway.attempt(intent).provider_key, Money(12550, "THB"), reference="BANK9")
    gateway.probe(intent)
    assert statements.late() == []


def test_of_an_attempt_that_was_given_up_brings_a_late_payment(gateway, provider, statements):
    provider.on_create.append(answers(NotProcessed(code="refused", message="")))
    intent = gateway.shown()
    assert gateway.intent(intent).status == "failed"
    statements.take(statements.line(reference="BANK9", key=gateway.attempt(intent).provider_key))
    [late] = statements.late()
    assert (late.reason, late.amount_minor, late.provider_reference) == ("after_failure", 12550, "BANK9")
    assert statements.outcomes() == ["matched"]


def test_with_another_sum_than_an_open_attempt_moves_nothing(gateway, provider, statements):
    provider.on_create.append(answers(LOST))
    intent = gateway.shown()
    statements.take(
        statements.line(reference="BANK9", key=gateway.attempt(intent).provider_key, amount="1.00")
    )
    assert (statements.outcomes(), gateway.attempt(intent).status) == (["amount_mismatch"], "unknown")
    assert statements.late() == []


def test_that_is_no_evidence_only_makes_us_ask(gateway, provider, statements, now):
    provider.on_create.append(answers(LOST))
    intent = gateway.shown()
    gateway.pay(intent)
    line = statements.line(reference="THEIR-OWN", key=gateway.attempt(intent).provider_key)
    statements.take(line, profile=statements.hints)
    assert (statements.outcomes(), gateway.attempt(intent).status) == (["timing"], "unknown")
    assert gateway.attempt(intent).next_probe_at == now
    resolve_due_attempts(now=now)
    assert gateway.intent(intent).status == "succeeded"
    statements.take(statements.line("fee"), profile=statements.hints)
    assert statements.outcomes()[0] == "matched"
    [exception] = statements.exceptions()
    assert (exception.status, exception.resolution, exception.resolved_by) == (
        "resolved",
        "found",
        "comparison",
    )
    assert statements.history(exception) == [(None, "open", "comparison"), ("open", "resolved", "comparison")]


def test_that_is_no_proof_is_not_made_one_by_the_next_statement(gateway, provider, statements):
    provider.on_create.append(answers(LOST))
    intent = gateway.shown()
    statements.take(
        statements.line(reference="MADE-UP", key=gateway.attempt(intent).provider_key), is_proof=False
    )
    statements.take(statements.line("fee"))
    assert (statements.outcomes()[0], gateway.attempt(intent).status) == ("timing", "unknown")


def test_that_came_before_its_payment_is_matched_by_the_next_statement(gateway, provider, statements):
    statements.take(statements.line(reference="BANK000001"))
    assert statements.outcomes() == ["missing_in_mpac"]
    intent = gateway.shown()
    gateway.pay(intent)
    gateway.probe(intent)
    statements.take(statements.line("fee"))
    assert statements.outcomes() == ["matched", "no_counterpart"]
    [exception] = statements.exceptions()
    assert (exception.status, exception.resolution) == ("resolved", "found")


def test_that_turns_out_to_differ_says_so_in_its_exception(gateway, provider, statements):
    statements.take(statements.line(reference="BANK000001", amount="1.00"))
    intent = gateway.shown()
    gateway.pay(intent)
    gateway.probe(intent)
    statements.take(statements.line("fee"))
    [exception] = statements.exceptions()
    assert (exception.outcome, exception.status, exception.known_minor) == ("amount_mismatch", "open", 12550)


def test_of_live_money_does_not_match_a_test_payment(gateway, paid, statements):
    statements.take(statements.paid(gateway.attempt(paid)), livemode=True)
    assert statements.outcomes() == ["missing_in_mpac"]


def test_of_another_merchant_does_not_match(gateway, paid, statements):
    line = statements.paid(gateway.attempt(paid))
    file = statements.take(line, psp_id=2, merchant_id=22)
    assert file.report["outcomes"] == {"missing_in_mpac": 1}
    assert (statements.files(), statements.lines()) == ([], [])


def test_of_a_refund_is_matched(gateway, paid, refunds, statements):
    refund = refunds.give(paid, 2550)
    back = {"payment": gateway.attempt(paid).provider_reference, "amount": "25.50"}
    statements.take(
        statements.paid(gateway.attempt(paid)),
        statements.line("refund", reference=refund.provider_reference, **back),
        statements.line("refund", reference="UNKNOWN", **back),
    )
    assert statements.outcomes() == ["matched", "matched", "missing_in_mpac"]
    [exception] = statements.exceptions()
    assert (exception.told_minor, exception.attempt_id) == (-2550, gateway.attempt(paid).pk)


@pytest.mark.parametrize("known_by", ["reference", "operation", "key"])
def test_of_a_refund_resolves_one_whose_outcome_is_open(paid, provider, refunds, statements, known_by):
    provider.on_refund.append(answers(TIMEOUT))
    refund = refunds.give(paid, 2550)
    names = {"reference": "BACK9"}
    names |= (
        {known_by: refund.operation_key} if known_by != "reference" else {"operation": refund.operation_key}
    )
    statements.take(statements.line("refund", amount="25.50", **names))
    assert statements.outcomes() == ["matched"]
    assert (refunds.get(refund).status, refunds.sums(paid)) == ("completed", (0, 2550))


def test_of_a_returned_refund_reverses_it(gateway, paid, refunds, statements):
    refund = refunds.give(paid, 2550)
    back = {"reference": refund.provider_reference, "amount": "25.50"}
    statements.take(statements.line("refund", **back), statements.line("refund_reversal", **back))
    assert statements.outcomes() == ["matched", "matched"]
    assert (refunds.get(refund).status, refunds.sums(paid)) == ("reversed", (0, 0))


def test_of_a_chargeback_opens_a_dispute_and_later_lines_close_it(gateway, paid, statements, events):
    names = {"reference": "CASE1", "payment": gateway.attempt(paid).provider_reference}
    statements.take(statements.line("chargeback", **names))
    assert [(each.status, each.amount_minor) for each in statements.disputes()] == [("opened", 12550)]
    statements.take(statements.line("chargeback_reversal", **names))
    assert [each.status for each in statements.disputes()] == ["won"]
    statements.take(statements.line("second_chargeback", **names))
    assert [each.status for each in statements.disputes()] == ["lost"]
    assert statements.outcomes() == ["matched"] * 3
    assert events(paid)[-3:] == ["dispute_opened", "dispute_closed", "dispute_closed"]


def test_of_a_chargeback_of_a_strange_payment_is_an_exception(statements, mirrored):
    statements.take(statements.line("chargeback", reference="CASE1", payment="NOBODY"))
    assert statements.outcomes() == ["missing_in_mpac"]
    assert statements.disputes() == []


def test_of_money_that_moved_for_a_reason_nobody_knows_is_an_exception(statements, mirrored):
    profile = declared_profile('other = "other"\n' + LAYOUT)
    statements.take(statements.line("Mystery", reference="M1", amount="3.00"), profile=profile)
    statements.take(statements.line("Nothing", reference="M2", amount="0"), profile=profile)
    [exception] = statements.exceptions()
    assert statements.outcomes() == ["missing_in_mpac", "no_counterpart"]
    assert (exception.reference, exception.told_minor) == ("M1", 300)


def test_of_another_payment_says_nothing_about_an_open_attempt(gateway, provider, statements, now):
    """An attempt that no statement tells, however late, has not failed by that."""
    provider.on_create.append(answers(LOST))
    intent = gateway.shown()
    for days in (1, 5, 9):
        later = (now + dt.timedelta(days=days)).isoformat()
        statements.take(statements.line(reference=f"OTHER{days}", at=later))
    assert (gateway.attempt(intent).status, gateway.intent(intent).status) == ("unknown", "processing")


def test_of_a_chargeback_counts_what_was_taken_and_given_back(gateway, paid, statements):
    names = {"reference": "CASE1", "payment": gateway.attempt(paid).provider_reference}
    for kind, funds in [
        ("chargeback", (12550, 0)),
        ("chargeback_reversal", (12550, 12550)),
        ("second_chargeback", (25100, 12550)),
    ]:
        statements.take(statements.line(kind, **names))
        [dispute] = statements.disputes()
        assert (dispute.withdrawn_minor, dispute.reinstated_minor, dispute.funds_currency) == (*funds, "THB")
