"""What people do in the gateway's console ..."""

import gzip

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from kernel import clock
from kernel.errors import NotFound
from kernel.ids import decode
from kernel.tenancy import SystemScope
from mpac.pgw.admin import statements
from mpac.pgw.db import atomic
from mpac.pgw.domain.statements.profiles import PROFILES, declared_profile
from mpac.pgw.models import (
    AttemptEvidence,
    ConsoleEntry,
    Dispute,
    PaymentAttempt,
    PaymentIntent,
    ProviderBreaker,
    RoutingDecision,
    StatementFile,
    WebhookDelivery,
    WebhookEndpoint,
)
from mpac.portal.domain.roles import Role
from tests import consoles
from tests.pgw.doubles import TIMEOUT, answers, registered
from tests.pgw.partners import deliveries, endpoint, relay
from tests.pgw.services.reconciliation.conftest import LAYOUT
from tests.portal.test_admin import make_person, sign_in

ALL = SystemScope("console")
SHOWN = {
    "verdict": "paid",
    "reference": "BANK-77",
    "amount": "125.50",
    "happened_at": "2026-11-21 10:00",
    "note": "seen in the bank's portal",
}


@pytest.fixture
def provider(database):
    with registered() as adapter:
        yield adapter


@pytest.fixture
def unknown(partner, provider):
    """An attempt whose provider does not answer."""
    provider.on_create.append(answers(TIMEOUT))
    provider.on_probe.extend([answers(TIMEOUT)] * 20)
    partner.created(confirm=True)
    return the(PaymentAttempt)


@pytest.fixture
def levels(partner):
    return {"psp_id": partner.tenant.psp.id, "merchant_id": partner.tenant.merchant.id}


def the(model):
    with atomic(ALL):
        return model.objects.order_by("pk").last()


def url(row, what="change"):
    return reverse(f"admin:pgw_{row._meta.model_name}_{what}", args=[row.pk])


def person(role=Role.PLATFORM_OPERATOR, **levels):
    return sign_in(*make_person(role, **levels))[0]


def act(client, row, what, **said):
    return client.post(url(row, what), said, follow=True).content.decode()


def test_settles_an_unknown_attempt_with_two_people(partner, unknown):
    first, second = person(), person(Role.PSP_ADMIN, psp_id=partner.tenant.psp.id)
    assert unknown.status == "unknown"
    assert "125.50" in first.get(url(unknown, "evidence")).content.decode()
    assert "Somebody else has to look at it" in act(first, unknown, "evidence", **SHOWN)
    assert the(PaymentIntent).status == "processing"
    evidence = the(AttemptEvidence)
    assert "Another person has to do this" in act(first, evidence, "agree", reference="BANK-77")
    assert "not the reference that was shown" in act(second, evidence, "agree", reference="BANK-78")
    assert the(PaymentIntent).status == "processing"
    for _ in range(2):
        assert "The intent is succeeded" in act(second, evidence, "agree", reference="BANK-77")
    assert the(PaymentIntent).captured_minor == 12550


def test_offers_evidence_only_where_nobody_else_can_tell(partner, provider):
    partner.created(confirm=True)
    operator, attempt = person(), the(PaymentAttempt)
    assert "Show what became of it" not in consoles.read(operator, url(attempt))
    assert "not for people to say" in act(operator, attempt, "evidence", **SHOWN)
    with atomic(ALL):
        assert not AttemptEvidence.objects.exists()


def test_refuses_evidence_that_nobody_believes(partner, unknown):
    first, second = person(), person(Role.PSP_ADMIN, psp_id=partner.tenant.psp.id)
    act(first, unknown, "evidence", **SHOWN)
    evidence = the(AttemptEvidence)
    assert "pieces of evidence that a second person" in second.get("/admin/").content.decode()
    assert "This field is required" in act(second, evidence, "refuse", note="")
    assert "does not count" in act(second, evidence, "refuse", note="another shop's")
    assert the(AttemptEvidence).status == "refused"
    assert "Agree</a>" not in consoles.read(second, url(evidence))
    assert "decided about this evidence already" in act(second, evidence, "agree", reference="BANK-77")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"amount": "1.005"}, "finer fraction"),
        ({"amount": "-1"}, "greater than or equal to 0"),
        ({"reference": ""}, "required"),
        ({"verdict": "captured"}, "not one of the available choices"),
        ({"happened_at": "yesterday"}, "valid date/time"),
    ],
)
def test_checks_what_is_shown(unknown, changes, complaint):
    assert complaint in act(person(), unknown, "evidence", **{**SHOWN, **changes})
    with atomic(ALL):
        assert not AttemptEvidence.objects.exists()


def test_settles_attempts_only_by_those_who_may(partner, unknown, levels, stranger):
    act(person(), unknown, "evidence", **SHOWN)
    evidence = the(AttemptEvidence)
    for client in (person(Role.AUDITOR, **levels), person(Role.MERCHANT_ADMIN, **levels)):
        assert client.post(url(unknown, "evidence"), SHOWN).status_code == 403
        assert client.post(url(evidence, "agree"), {"reference": "BANK-77"}).status_code == 403
        assert "Agree</a>" not in consoles.read(client, url(evidence))
    foreign = person(Role.PSP_ADMIN, psp_id=stranger.tenant.psp.id)
    assert foreign.post(url(evidence, "agree"), {"reference": "BANK-77"}).status_code == 404
    assert the(AttemptEvidence).status == "proposed"


def test_says_how_long_an_outcome_has_been_open(unknown):
    listed = consoles.read(person(), consoles.change_list(PaymentAttempt, status__exact="unknown"))
    assert 'class="field-open_for">' in listed
    assert " s</td>" in listed
    assert "timeout" in listed


def test_keeps_who_did_what(partner, unknown):
    operator = person()
    operator.get(url(unknown, "evidence"))
    with atomic(ALL):
        assert not ConsoleEntry.objects.exists()
    act(operator, unknown, "evidence", **{**SHOWN, "note": "card 4242424242424242"})
    act(operator, unknown, "evidence", **SHOWN)
    with atomic(ALL):
        done, refused = ConsoleEntry.objects.order_by("pk")
    assert (done.status, done.action, done.actor[:5]) == ("done", "evidence", "user:")
    assert (done.psp_id, done.subject_id) == (partner.tenant.psp.id, str(unknown.pk))
    assert done.answers["reference"] == "BANK-77"
    assert "4242" not in str(done.answers)
    assert (refused.status, refused.said) == (
        "refused",
        "Somebody has shown something already that waits for a second person; agree to it, or refuse it first.",
    )
    assert "BANK-77" in consoles.read(operator, url(done))


def test_keeps_what_was_cut_off_on_the_way(unknown, monkeypatch):
    operator = person()
    operator.raise_request_exception = False
    monkeypatch.setattr("mpac.pgw.admin.evidence_actions.propose_evidence", lambda **_facts: 1 / 0)
    assert operator.post(url(unknown, "evidence"), SHOWN).status_code == 500
    assert (the(ConsoleEntry).status, the(ConsoleEntry).finished_at) == ("asked", None)


def test_refuses_what_no_longer_fits(partner, provider):
    """The page was opened while the intent could be called off; meanwhile it was paid."""
    made = partner.created(confirm=True)
    operator = person()
    with atomic(ALL):
        intent = PaymentIntent.objects.get(pk=decode("pi", made["id"]))
    assert "Cancel" in consoles.read(operator, url(intent))
    attempt = the(PaymentAttempt)
    provider.pay(attempt.provider_key, provider.created[-1].amount)
    act(operator, intent, "cancel")
    assert the(PaymentIntent).status == "succeeded"
    assert "does not allow that" in act(operator, intent, "cancel")


def test_shows_the_facts_beside_the_question(partner, unknown):
    asked = consoles.read(person(), url(unknown, "ask"))
    assert "125.50 THB" in asked
    assert "unknown" in asked
    assert "timeout" in asked


def test_switches_endpoints_and_sends_a_time_anew(partner, levels):
    endpoint(now=clock.now(), scope=partner.scope)
    partner.created()
    relay()
    row, staff = the(WebhookEndpoint), person(Role.PSP_ADMIN, psp_id=levels["psp_id"])
    range_of_day = {"since": "2026-01-01", "until": "2099-01-01"}
    assert "sent anew to this endpoint: 1." in act(staff, row, "resend-range", **range_of_day)
    assert "Nothing more is sent" in act(staff, row, "disable")
    assert (the(WebhookEndpoint).status, the(WebhookEndpoint).disabled_because) == ("disabled", "asked")
    assert "is disabled; enable it first" in act(staff, row, "resend-range", **range_of_day)
    page = consoles.read(staff, url(row))
    assert [f">{words}</a>" in page for words in ("Enable", "Disable", "Send a time anew")] == [
        True,
        False,
        False,
    ]
    act(staff, row, "enable")
    assert the(WebhookEndpoint).status == "enabled"
    watcher = person(Role.AUDITOR, psp_id=levels["psp_id"])
    for what in ("disable", "resend-range"):
        assert watcher.post(url(row, what), range_of_day).status_code == 403
    assert the(WebhookEndpoint).status == "enabled"
    assert "Calls" in consoles.read(staff, url(deliveries()[0]))


def test_reads_routing_and_health(partner, provider):
    partner.created(confirm=True)
    operator = person()
    page = consoles.read(operator, url(the(RoutingDecision)))
    assert "Candidates in their order" in page
    assert "chosen" in page
    health = consoles.read(operator, consoles.change_list(ProviderBreaker))
    assert "Providers in the last 15 minutes" in health
    assert "100 %" in health
    assert "<td>fake</td>" in health


def test_shows_health_of_the_own_tenant_alone(partner, provider, stranger):
    partner.created(confirm=True)
    foreign = person(Role.PSP_ADMIN, psp_id=stranger.tenant.psp.id)
    assert "<td>fake</td>" not in consoles.read(foreign, consoles.change_list(ProviderBreaker))


@pytest.mark.parametrize(("hours", "words"), [(-1, "overdue"), (5, "due in 4 h"), (24 * 9, "due in 8 d")])
def test_says_until_when_evidence_is_due(partner, provider, superuser, hours, words):
    partner.created(confirm=True)
    attempt = the(PaymentAttempt)
    superuser.execute(
        "INSERT INTO pgw.disputes (id, created_at, psp_id, merchant_id, store_id, intent_id, attempt_id, status, status_at,"
        " version, amount_minor, currency, reason, evidence_due_at, provider, provider_reference, livemode,"
        " withdrawn_minor, reinstated_minor)"
        " VALUES (gen_random_uuid(), now(), %s, %s, %s, %s, %s, 'opened', now(), 1, 100, 'THB', 'fraudulent',"
        " now() + make_interval(hours => %s), 'fake', 'D1', false, 0, 0)",
        [attempt.psp_id, attempt.merchant_id, attempt.store_id, attempt.intent_id, attempt.pk, hours],
    )
    assert words in consoles.read(person(), consoles.change_list(Dispute))


STATEMENT = (
    b"reference,payment,key,operation,at,kind,currency,amount\n"
    b"STRANGE,,,,2026-11-20T12:00:00Z,payment,THB,125.50\n"
)


@pytest.fixture
def profile(monkeypatch):
    """A profile that the form offers."""
    monkeypatch.setitem(PROFILES, "adyen", declared_profile(LAYOUT))
    return "adyen"


def upload(client, merchant_id, content, *, profile="adyen", **more):
    file = SimpleUploadedFile("statement.csv", content)
    said = {"file": file, "profile": profile, "merchant_id": merchant_id, "test": "on", **more}
    return client.post(reverse("admin:pgw_statementfile_upload"), said, follow=True).content.decode()


def files():
    with atomic(ALL):
        return list(StatementFile.objects.order_by("pk"))


def test_takes_a_small_statement_in_once(partner, levels, profile):
    client = person(Role.MERCHANT_ADMIN, **levels)
    for _ in range(2):
        assert "is reconciled with" in upload(client, levels["merchant_id"], STATEMENT)
    [file] = files()
    assert (file.status, file.imported_by[:5]) == ("reconciled", "user:")
    assert "What it came to" in consoles.read(client, url(file))
    assert "is reconciled" in upload(client, levels["merchant_id"], gzip.compress(STATEMENT, mtime=1))


def test_says_what_is_wrong_with_a_statement(partner, levels, profile):
    client = person(Role.MERCHANT_ADMIN, **levels)
    broken = STATEMENT.replace(b"125.50", b"a lot")
    assert "cannot be read" in upload(client, levels["merchant_id"], broken)
    [file] = files()
    assert file.status == "rejected"
    assert "Why it was refused" in consoles.read(client, url(file))


def test_takes_no_large_statement_in(partner, levels, profile, monkeypatch):
    monkeypatch.setattr(statements, "MAX_BYTES", 10)
    assert "too large" in upload(person(), levels["merchant_id"], STATEMENT)
    assert files() == []


def test_takes_no_statement_in_that_unpacks_to_a_large_one(partner, levels, profile, monkeypatch):
    monkeypatch.setattr(statements, "MAX_UNPACKED", 1 << 20)
    packed = gzip.compress(STATEMENT + b"\n" * (1 << 20))
    client = person()
    assert "too large" in upload(client, levels["merchant_id"], packed)
    assert "cannot be read" in upload(client, levels["merchant_id"], packed[:100])
    assert [file.status for file in files()] == ["rejected"]


def test_takes_no_single_persons_statement_for_proof(partner, provider, levels, monkeypatch):
    monkeypatch.setitem(PROFILES, "adyen", declared_profile("evidence = true\n" + LAYOUT))
    partner.created(confirm=True)
    made_up = f"FORGED,,{the(PaymentAttempt).provider_key},,2026-11-20T12:00:00Z,payment,THB,125.50\n"
    content = STATEMENT.splitlines(keepends=True)[0] + made_up.encode()
    client = person(Role.MERCHANT_ADMIN, **levels)
    assert "is reconciled with" in upload(client, levels["merchant_id"], content)
    assert the(PaymentAttempt).status == "requires_action"
    assert the(PaymentAttempt).next_probe_at <= clock.now()


def test_takes_statements_in_for_the_own_merchant_alone(partner, levels, profile, stranger):
    foreign = person(Role.PSP_ADMIN, psp_id=stranger.tenant.psp.id)
    assert NotFound().message in upload(foreign, levels["merchant_id"], STATEMENT)
    watcher = person(Role.AUDITOR, **levels)
    assert watcher.post(reverse("admin:pgw_statementfile_upload")).status_code == 403
    assert files() == []


def test_shows_deliveries_of_an_event(partner, levels):
    endpoint(now=clock.now(), scope=partner.scope)
    partner.created()
    relay()
    operator = person()
    row = the(WebhookDelivery)
    assert "Nothing yet." in consoles.read(operator, url(row))
