"""What does not agree ..."""

import pytest
from django.db import IntegrityError, ProgrammingError

from kernel.errors import NotFound
from mpac.pgw.db import atomic
from mpac.pgw.domain.reconciliation import PROPOSALS, Resolution
from mpac.pgw.errors import IllegalExceptionTransition, NoteNeeded, SecondPersonNeeded
from mpac.pgw.models import ExceptionEvent, ReconciliationException
from mpac.pgw.services.exceptions import approve_resolution, propose_resolution, refuse_resolution
from tests.pgw.conftest import OTHER_SCOPE, SCOPE

pytestmark = pytest.mark.usefixtures("healthy")

ANN, BOB = "user:1", "user:2"


@pytest.fixture
def exception(statements, mirrored):
    statements.take(statements.line(reference="STRANGE"))
    [found] = statements.exceptions()
    return found


class Desk:
    def __init__(self, exception, now) -> None:
        self.key, self.now = exception.pk, now

    def propose(self, person=ANN, *, resolution=Resolution.WRITTEN_OFF, note="Too small.", scope=SCOPE):
        return propose_resolution(
            scope=scope, exception_id=self.key, resolution=resolution, note=note, person=person, now=self.now
        )

    def approve(self, person=BOB, *, scope=SCOPE):
        return approve_resolution(scope=scope, exception_id=self.key, person=person, now=self.now)

    def refuse(self, person=BOB, *, note="It is not.", scope=SCOPE):
        return refuse_resolution(scope=scope, exception_id=self.key, note=note, person=person)


@pytest.fixture
def desk(exception, now):
    return Desk(exception, now)


@pytest.mark.parametrize("resolution", PROPOSALS)
def test_is_settled_by_two_people(desk, statements, exception, resolution):
    desk.propose(resolution=resolution)
    settled = desk.approve()
    assert (settled.status, settled.resolution, settled.note) == ("resolved", resolution, "Too small.")
    assert (settled.proposed_by, settled.resolved_by) == (ANN, BOB)
    assert statements.history(exception) == [
        (None, "open", "comparison"),
        ("open", "proposed", ANN),
        ("proposed", "resolved", BOB),
    ]


def test_is_not_settled_by_who_proposed_it(desk, statements):
    desk.propose()
    with pytest.raises(SecondPersonNeeded):
        desk.approve(ANN)
    with pytest.raises(SecondPersonNeeded):
        desk.refuse(ANN)
    assert statements.exceptions()[0].status == "proposed"


def test_is_not_settled_without_a_proposal(desk):
    with pytest.raises(IllegalExceptionTransition) as refused:
        desk.approve()
    assert refused.value.allowed == ["proposed", "resolved"]
    with pytest.raises(IllegalExceptionTransition):
        desk.refuse()


def test_is_proposed_once_at_a_time(desk):
    desk.propose()
    with pytest.raises(IllegalExceptionTransition):
        desk.propose(BOB)


def test_is_open_again_when_the_second_person_refuses(desk, statements, exception):
    desk.propose()
    desk.refuse()
    [found] = statements.exceptions()
    assert (found.status, found.resolution, found.proposed_by, found.note) == (
        "open",
        None,
        None,
        "It is not.",
    )
    desk.propose(BOB)
    desk.approve(ANN)
    assert len(statements.history(exception)) == 5


@pytest.mark.parametrize("note", ["", "   "])
def test_needs_words(desk, note):
    with pytest.raises(NoteNeeded):
        desk.propose(note=note)
    desk.propose()
    with pytest.raises(NoteNeeded):
        desk.refuse(note=note)


def test_cannot_be_proposed_as_found(desk):
    with pytest.raises(NoteNeeded):
        desk.propose(resolution=Resolution.FOUND)


def test_keeps_no_card_numbers(desk):
    assert "4111" not in desk.propose(note="Card 4111 1111 1111 1111").note


def test_of_another_tenant_is_missing(desk):
    for act in (desk.propose, desk.approve, desk.refuse):
        with pytest.raises(NotFound):
            act(scope=OTHER_SCOPE)


def test_stays_settled(desk):
    desk.propose()
    desk.approve()
    for act in (desk.propose, desk.approve, desk.refuse):
        with pytest.raises(IllegalExceptionTransition):
            act()


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "resolved"},
        {"status": "resolved", "resolution": "written_off", "proposed_by": ANN, "resolved_by": ANN},
        {"status": "resolved", "resolution": "written_off", "resolved_by": ANN},
        {"status": "closed"},
    ],
)
def test_is_settled_in_no_other_way(exception, changes):
    with pytest.raises(IntegrityError), atomic(SCOPE):
        ReconciliationException.objects.filter(pk=exception.pk).update(**changes)


def test_keeps_its_history(exception):
    with pytest.raises(ProgrammingError, match="permission denied"), atomic(SCOPE):
        ExceptionEvent.objects.update(actor="nobody")
