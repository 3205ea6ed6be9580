"""Reconciliation in the console ..."""

import io

import pytest
from django.urls import reverse

from kernel import clock
from mpac.pgw.db import atomic
from mpac.pgw.domain.statements.profiles import declared_profile
from mpac.pgw.models import (
    Dispute,
    DisputeEvent,
    ExceptionEvent,
    ReconciliationException,
    StatementFile,
    StatementLine,
    StatementReference,
)
from mpac.pgw.services.statement_import import Source, import_statement
from mpac.portal.domain.roles import Role
from tests.pgw.services.reconciliation.conftest import LAYOUT, quiet
from tests.portal.test_admin import make_person, sign_in

MODELS = [
    *(StatementFile, StatementLine, StatementReference),
    *(ReconciliationException, ExceptionEvent, Dispute, DisputeEvent),
]
TEXT = (
    "reference,payment,key,operation,at,kind,currency,amount\n"
    "STRANGE,,,,2026-11-20T12:00:00Z,payment,THB,125.50\n"
)


@pytest.fixture
def levels(partner):
    return {"psp_id": partner.tenant.psp.id, "merchant_id": partner.tenant.merchant.id}


@pytest.fixture
def exception(partner, levels):
    """Something that does not agree."""
    source = Source(
        file=io.BytesIO(TEXT.encode()),
        name="statement.csv",
        profile=declared_profile(LAYOUT),
        imported_by="user:1",
        livemode=False,
        **levels,
    )
    import_statement(source=source, now=clock.now(), progress=quiet)
    with atomic(partner.scope):
        return ReconciliationException.objects.get()


def person(role, **levels):
    return sign_in(*make_person(role, **levels))[0]


def url(row, action="change"):
    return reverse(f"admin:pgw_{row._meta.model_name}_{action}", args=[row.pk])


def status(partner):
    with atomic(partner.scope):
        return ReconciliationException.objects.get().status


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_is_shown(partner, exception, model):
    operator = person(Role.PLATFORM_OPERATOR)
    assert operator.get(reverse(f"admin:pgw_{model._meta.model_name}_changelist")).status_code == 200
    with atomic(partner.scope):
        rows = list(model.objects.all())
    for row in rows:
        assert operator.get(url(row)).status_code == 200
    assert "reconciliation exceptions to look into" in operator.get("/admin/").content.decode()


def test_is_settled_by_two_people(partner, exception, levels):
    first = person(Role.PSP_ADMIN, psp_id=levels["psp_id"])
    second = person(Role.MERCHANT_ADMIN, **levels)
    asked = first.get(url(exception, "propose")).content.decode()
    assert "written off" in asked
    assert ">found<" not in asked
    said = {"resolution": "written_off", "note": "Too small to matter."}
    assert (
        "waits for a second person"
        in first.post(url(exception, "propose"), said, follow=True).content.decode()
    )
    assert (
        "Another person has to do this" in first.post(url(exception, "approve"), follow=True).content.decode()
    )
    assert status(partner) == "proposed"
    assert "Too small to matter." in second.get(url(exception)).content.decode()
    assert "It is settled" in second.post(url(exception, "approve"), follow=True).content.decode()
    assert status(partner) == "resolved"


def test_is_sent_back_with_a_reason(partner, exception, levels):
    first, second = person(Role.PSP_ADMIN, psp_id=levels["psp_id"]), person(Role.PLATFORM_OPERATOR)
    first.post(url(exception, "propose"), {"resolution": "explained", "note": "It is ours."})
    assert "This field is required" in second.post(url(exception, "refuse"), {"note": ""}).content.decode()
    assert status(partner) == "proposed"
    second.post(url(exception, "refuse"), {"note": "It is not."})
    assert status(partner) == "open"


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"note": "", "resolution": ""}, "This field is required"),
        ({"note": "x"}, "This field is required"),
        ({"resolution": "written_off"}, "This field is required"),
        ({"resolution": "written_off", "note": "  "}, "This field is required"),
        ({"resolution": "found", "note": "x"}, "not one of the available choices"),
    ],
)
def test_needs_all_that_it_asks(partner, exception, said, complaint):
    answer = person(Role.PLATFORM_OPERATOR).post(url(exception, "propose"), said)
    assert complaint in answer.content.decode()
    assert status(partner) == "open"


def test_does_nothing_by_being_looked_at(partner, exception):
    operator = person(Role.PLATFORM_OPERATOR)
    for action in ("propose", "approve", "refuse"):
        assert operator.get(url(exception, action)).status_code == 200
    assert status(partner) == "open"


def test_is_not_settled_by_who_may_only_look(partner, exception, levels):
    watcher = person(Role.AUDITOR, **levels)
    for action in ("propose", "approve", "refuse"):
        said = {"resolution": "explained", "note": "x"}
        assert watcher.post(url(exception, action), said).status_code == 403
    assert "Propose what it is" not in watcher.get(url(exception)).content.decode()
    assert status(partner) == "open"


@pytest.mark.parametrize("model", MODELS[:5], ids=lambda model: model.__name__)
def test_is_nothing_for_the_staff_of_one_store(partner, exception, levels, model):
    manager = person(Role.STORE_MANAGER, **levels, store_id=partner.tenant.store.id)
    assert manager.get(reverse(f"admin:pgw_{model._meta.model_name}_changelist")).status_code == 403


def test_of_another_merchant_is_missing(partner, exception, stranger):
    foreign = person(Role.PSP_ADMIN, psp_id=stranger.tenant.psp.id)
    said = {"resolution": "explained", "note": "x"}
    assert foreign.post(url(exception, "propose"), said).status_code == 404
    assert status(partner) == "open"
