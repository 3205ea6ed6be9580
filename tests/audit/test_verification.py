"""A check of the chains ..."""

import datetime as dt
from contextlib import closing
from io import StringIO

import pytest
from django.core.management import call_command

from config.invariants import all_invariants
from kernel import clock
from kernel.partitions import Partitions
from kernel.upkeep import owner_connection
from mpac.audit import conf
from mpac.audit.services.retention import set_aside_old_months
from mpac.audit.services.verification import list_chains, verify_chain
from tests.audit.conftest import PSP, deliver, events, head, recorded, write

# What somebody with every right could do, by the fault that it leaves: the record, and what is wrong with it.
CHANGES = {
    "what was done": ("UPDATE audit.audit_events SET after = '{}' WHERE sequence = 2", 2, "was changed"),
    "who did it": ("UPDATE audit.audit_events SET actor_id = 'user:6' WHERE sequence = 2", 2, "was changed"),
    "when it was done": (
        "UPDATE audit.audit_events SET occurred_at = occurred_at - interval '1 day' WHERE sequence = 3",
        *(3, "was changed"),
    ),
    "whose it is": ("UPDATE audit.audit_events SET store_id = 1 WHERE sequence = 1", 1, "was changed"),
    "its own digest": ("UPDATE audit.audit_events SET digest = 'x' WHERE sequence = 2", 2, "was changed"),
    "the digest before it": (
        "UPDATE audit.audit_events SET previous_digest = 'x' WHERE sequence = 2",
        *(2, "does not follow"),
    ),
    "one taken out": ("DELETE FROM audit.audit_events WHERE sequence = 2", 2, "missing"),
    "the first taken out": ("DELETE FROM audit.audit_events WHERE sequence = 1", 1, "missing"),
    "the end cut off": ("DELETE FROM audit.audit_events WHERE sequence = 4", 4, "cut off"),
    "two exchanged": (
        "UPDATE audit.audit_events SET sequence = 5 - sequence WHERE sequence IN (2, 3)",
        *(2, "does not follow"),
    ),
    "one put in": (
        """INSERT INTO audit.audit_events SELECT (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid()))).*
        FROM audit.audit_events e WHERE sequence = 2""",
        *(2, "there twice"),
    ),
    "all gone": ("DELETE FROM audit.audit_events", 1, "cut off"),
    "the head moved back": ("UPDATE audit.audit_chains SET sequence = 3", 4, "the head is at 3"),
    "the head gone": ("DELETE FROM audit.audit_chains", 4, "the head is at 0"),
    "the head rewritten": ("UPDATE audit.audit_chains SET digest = 'x'", 4, "another digest"),
}


@pytest.fixture
def tamper(superuser):
    """Somebody with every right, whom no trigger stops."""

    def run(statement: str) -> None:
        with superuser.transaction():
            superuser.execute("SET LOCAL session_replication_role = replica")
            superuser.execute(statement)

    return run


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(conf, "BATCH", 3)


def check(*options: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("verify_audit_chain", *options, stdout=out)
    except SystemExit as ended:
        return ended.code, out.getvalue()
    return 0, out.getvalue()


def test_finds_a_whole_chain_whole(database):
    write(4)
    write(1, None)
    code, told = check()
    assert code == 0
    assert "2 chains, 0 broken." in told
    assert f"PSP {PSP}: 3 of 4" in told
    assert f"ok     {PSP}:4:{head().digest} (4 checked)" in told


def test_has_nothing_to_say_about_an_empty_trail(database):
    assert check() == (0, "0 chains, 0 broken.\n")


@pytest.mark.parametrize("what", CHANGES)
def test_names_the_record_that_is_wrong(database, tamper, what):
    statement, sequence, words = CHANGES[what]
    write(4)
    tamper(statement)
    code, told = check()
    assert code == 1
    assert f"BROKEN PSP {PSP}, record {sequence}" in told
    assert words in told
    (i15,) = [each for each in all_invariants() if each.code == "I15"]
    assert [row[:2] for row in i15.offending()] == [(PSP, sequence)]


def test_names_the_identifier_of_a_record_that_was_changed(database, tamper):
    write(4)
    tamper(CHANGES["what was done"][0])
    assert events()[1].public_id in check()[1]


def test_leaves_other_chains_out_of_it(database, tamper):
    write(2)
    write(2, None)
    tamper("UPDATE audit.audit_events SET reason = 'x' WHERE psp_id IS NULL")
    assert check("--psp", str(PSP))[0] == 0
    assert check("--psp", "0")[0] == 1


def test_goes_on_where_the_last_one_came_to(database, tamper):
    write(4)
    check()
    tamper(CHANGES["what was done"][0])
    deliver(recorded())
    code, told = check("--resume")
    assert code == 0
    assert f"ok     {PSP}:5:{head().digest} (1 checked)" in told
    assert check()[0] == 1  # without it, from the beginning


def test_keeps_how_far_it_came_when_it_is_interrupted(database):
    write(5)

    class Interrupted(Exception):
        pass

    def interrupt(*_):
        raise Interrupted

    with pytest.raises(Interrupted):
        verify_chain(psp_id=PSP, keep=True, progress=interrupt, now=clock.now())
    assert (head().verified_sequence, head().verified_digest) == (3, events()[2].digest)
    assert verify_chain(psp_id=PSP, resume=True, now=clock.now()).checked == 2


def test_holds_a_noted_head_against_a_chain_that_was_rewritten_to_look_whole(database, superuser, tamper):
    """Nobody can tell an end that was cut off with its head from inside the database; who noted the head can."""
    write(4)
    noted = f"{PSP}:4:{head().digest}"
    third = events()[2]
    tamper("DELETE FROM audit.audit_events WHERE sequence = 4")
    tamper(f"UPDATE audit.audit_chains SET sequence = 3, digest = '{third.digest}'")
    assert check()[0] == 0
    code, told = check("--head", noted)
    assert (code, "a head was noted here" in told) == (1, True)
    deliver(recorded(object_id="forged"))
    code, told = check("--head", noted, "--resume")
    assert (code, f"{events()[3].public_id}: the chain was rewritten" in told) == (1, True)
    assert check("--head", f"{PSP}:3:{third.digest}")[0] == 0


@pytest.mark.parametrize("text", ["7", "7:1", "a:1:" + "0" * 64, "7:1:short"])
def test_refuses_a_head_that_is_none(database, text):
    with pytest.raises(Exception, match=r"PSP:SEQUENCE:DIGEST|64 characters"):
        call_command("verify_audit_chain", "--head", text)


def test_misses_a_chain_that_vanished_with_its_head(database, tamper):
    write(2)
    noted = f"{PSP}:2:{head().digest}"
    tamper("DELETE FROM audit.audit_events")
    tamper("DELETE FROM audit.audit_chains")
    assert check()[0] == 0
    assert check("--head", noted)[0] == 1


def test_does_not_take_what_is_just_being_appended_for_a_fault(database, monkeypatch):
    """A record that comes between the look at the records and the look at the head is behind the head."""
    write(2)
    report = verify_chain(psp_id=PSP, progress=lambda *_: write(1), now=clock.now())
    assert (report.fault, report.sequence) == (None, 2)


class TestRetention:
    """Months older than three years are set aside."""

    OLD = dt.datetime(2021, 3, 14, 12, tzinfo=dt.UTC)

    @pytest.fixture
    def months(self, superuser):
        """The months that the old records belong to; afterwards nothing is left of them."""
        names = ("audit_events_2021_03", "audit_events_2021_04")
        with closing(owner_connection("audit")) as connection:
            Partitions(connection, "audit_events").ensure(ahead=1, now=self.OLD)
        yield names
        for name in names:
            superuser.execute(f"DROP TABLE IF EXISTS audit.{name}")

    def test_keeps_the_chain_whole_without_them(self, database, months, superuser):
        for when in (self.OLD, self.OLD, self.OLD + dt.timedelta(days=30), clock.now()):
            deliver(recorded(), now=when)
        assert set_aside_old_months(now=clock.now()) == list(months)
        assert [event.sequence for event in events()] == [4]
        assert (head().archived_sequence, verify_chain(psp_id=PSP, now=clock.now()).fault) == (3, None)
        assert superuser.execute(f"SELECT count(*) FROM audit.{months[0]}").fetchone() == (2,)
        deliver(recorded())
        assert verify_chain(psp_id=PSP, now=clock.now()).checked == 2
        assert set_aside_old_months(now=clock.now()) == []

    def test_touches_nothing_while_a_chain_is_broken(self, database, months, tamper):
        deliver(recorded(), now=self.OLD)
        tamper("UPDATE audit.audit_events SET reason = 'x'")
        assert set_aside_old_months(now=clock.now()) == []
        assert len(events()) == 1

    def test_leaves_younger_months_alone(self, database, months):
        deliver(recorded(), now=self.OLD)
        assert set_aside_old_months(now=self.OLD + dt.timedelta(days=3 * 365)) == []
        assert list_chains() == [PSP]
