"""Commands to terminals..."""

import psycopg
import pytest

from kernel import clock
from kernel.errors import Forbidden, NotFound
from kernel.tenancy import TenantScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.commands import (
    BATCH_TRANSITIONS,
    OPEN,
    PARAMETERS,
    TRANSITIONS,
    BatchStatus,
    CommandKind,
    CommandStatus,
    fit_parameters,
)
from mpac.portal.errors import DeviceNotActive, IllegalTransition, MisfitParameters, ResultGiven
from mpac.portal.models import Command, CommandBatch, CommandStatusChange
from mpac.portal.selectors.commands import count_progress
from mpac.portal.selectors.places import get_place
from mpac.portal.services import command_batches, commands
from mpac.portal.services.commands import Order, Result
from mpac.portal.services.devices import resume_device, revoke_device, suspend_device
from tests.delivery import deliver_all
from tests.portal.factories import (
    SEED,
    audited,
    make_merchant,
    make_store,
    make_tenant,
    make_terminal,
    published,
    register,
    seconds,
)
from tests.portal.services.test_races import at_once

DONE = Result(status=CommandStatus.SUCCEEDED, code="done")
BEGUN = Result(status=CommandStatus.ACKNOWLEDGED)
DAY_S = 86_400


def order(kind=CommandKind.RESTART, **parameters):
    return Order(kind=kind, parameters=parameters, expires_in_s=DAY_S, sent_by="user:1", reason="stuck")


def send(terminal, *, scope=SEED, now=None, **more):
    return commands.send_command(
        scope=scope, device_id=terminal.device_id, order=order(**more), now=now or clock.now()
    )


def fetch(terminal, *, now=None, limit=20):
    now = now or clock.now()
    return commands.hand_out_commands(scope=SEED, device_id=terminal.device_id, limit=limit, now=now)


def answer(terminal, command, result, *, now=None):
    return commands.take_result(
        scope=SEED,
        device_id=terminal.device_id,
        command_id=command.id,
        result=result,
        now=now or clock.now(),
    )


def cancel(command):
    return commands.cancel_command(scope=SEED, command_id=command.id, actor="user:1", now=clock.now())


def read(command):
    with atomic(SEED):
        return Command.objects.get(id=command.id)


def steps(command):
    with atomic(SEED):
        rows = CommandStatusChange.objects.filter(command_id=command.id).order_by("pk")
        return [(row.from_status, row.to_status) for row in rows]


def test_are_sent_handed_out_begun_and_done(terminal):
    before = len(audited())
    command = send(terminal)
    assert (command.status, command.parameters) == ("queued", {"scope": "app", "when_idle": True})
    assert [each.id for each in fetch(terminal)] == [command.id]
    answer(terminal, command, BEGUN)
    answer(terminal, command, DONE)
    found = read(command)
    assert (found.status, found.result["code"]) == ("succeeded", "done")
    assert found.sent_at <= found.acknowledged_at <= found.finished_at
    assert steps(command) == [
        ("queued", "sent"),
        ("sent", "acknowledged"),
        ("acknowledged", "succeeded"),
    ]
    assert [each["action"] for each in audited()[before:]] == ["command.created", "command.succeeded"]
    assert [each["status"] for each in published("portal.command_finished")] == ["succeeded"]
    assert fetch(terminal) == []


def test_are_handed_out_until_they_have_an_end_the_oldest_first(terminal):
    first, second, third = (send(terminal) for _ in range(3))
    assert [each.id for each in fetch(terminal, limit=2)] == [first.id, second.id]
    assert read(third).status == "queued"
    answer(terminal, first, DONE)
    assert [each.id for each in fetch(terminal)] == [second.id, third.id]
    assert len(steps(second)) == 1


def test_are_for_one_terminal(tenant, terminal):
    other = make_terminal(tenant.store)
    command = send(terminal)
    assert fetch(other) == []
    with pytest.raises(NotFound):
        answer(other, command, DONE)


def test_take_one_result_and_the_same_again(terminal):
    command = send(terminal)
    fetch(terminal)
    for _ in range(2):
        assert answer(terminal, command, DONE).status == "succeeded"
    for other in (Result(status=CommandStatus.FAILED), Result(status=CommandStatus.SUCCEEDED, code="other")):
        with pytest.raises(ResultGiven):
            answer(terminal, command, other)
    assert answer(terminal, command, BEGUN).status == "succeeded"  # it was under way for a while
    assert len(steps(command)) == 2


def test_that_nobody_fetched_have_no_result(terminal):
    command = send(terminal)
    for result in (BEGUN, DONE):
        with pytest.raises(IllegalTransition):
            answer(terminal, command, result)


def test_are_called_off_while_no_terminal_knows_of_them(terminal):
    command = send(terminal)
    assert cancel(command).status == "cancelled"
    assert fetch(terminal) == []
    with pytest.raises(IllegalTransition):
        answer(terminal, command, DONE)
    known = send(terminal)
    fetch(terminal)
    with pytest.raises(IllegalTransition):
        cancel(known)


def test_expire_and_keep_what_is_said_later_as_evidence(terminal):
    now = clock.now()
    fresh, known = send(terminal, now=now), send(terminal, now=now)
    fetch(terminal, now=now, limit=1)
    late = now + seconds(DAY_S)
    assert fetch(terminal, now=late) == []
    assert commands.expire_commands(now=late) == 2
    assert commands.expire_commands(now=late) == 0
    assert {read(each).status for each in (fresh, known)} == {"expired"}
    for _ in range(2):
        assert answer(terminal, known, DONE, now=late).status == "expired"
    with pytest.raises(ResultGiven):
        answer(terminal, known, Result(status=CommandStatus.FAILED), now=late)
    found = read(known)
    assert (found.result, found.late_result["code"]) == (None, "done")
    assert audited()[-1]["action"] == "command.late_result"


def test_are_too_late_also_before_the_job_has_come_by(terminal):
    now = clock.now()
    command = send(terminal, now=now)
    fetch(terminal, now=now)
    assert answer(terminal, command, DONE, now=now + seconds(DAY_S)).status == "expired"


def test_expire_many_a_few_at_a_time(terminal, monkeypatch):
    monkeypatch.setattr(commands, "EXPIRED_AT_A_TIME", 2)
    now = clock.now()
    for _ in range(5):
        send(terminal, now=now)
    assert commands.expire_commands(now=now + seconds(DAY_S)) == 5


def test_are_not_for_terminals_that_are_not_active(tenant, terminal):
    with pytest.raises(DeviceNotActive):
        commands.send_command(
            scope=SEED, device_id=register(tenant.store).device.id, order=order(), now=clock.now()
        )
    command = send(terminal)
    suspend_device(scope=SEED, device_id=terminal.device_id, actor="test", now=clock.now())
    assert fetch(terminal) == []
    with pytest.raises(DeviceNotActive):
        send(terminal)
    resume_device(scope=SEED, device_id=terminal.device_id, actor="test", now=clock.now())
    assert [each.id for each in fetch(terminal)] == [command.id]
    revoke_device(scope=SEED, device_id=terminal.device_id, actor="test", now=clock.now())
    assert fetch(terminal) == []


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("restart", {"scope": "world"}),
        ("restart", {"when_idle": "yes"}),
        ("restart", {"format_disk": True}),
        ("unlock", {"pin": "1234"}),
        ("message", {}),
        ("message", {"text": ""}),
        ("message", {"text": "x" * 501}),
        ("message", {"text": "a\x1b[2J"}),
        ("message", {"text": "a", "display_s": 4}),
        ("message", {"text": "a", "display_s": 10**30}),
        ("upload_logs", {"hours": 0}),
        ("upload_logs", {"hours": 1.5}),
        ("sync_now", {"parts": []}),
        ("sync_now", {"parts": ["everything"]}),
        ("update_now", {"package": "not a package"}),
    ],
)
def test_refuse_parameters_that_do_not_fit(kind, parameters):
    with pytest.raises(MisfitParameters) as refused:
        fit_parameters(CommandKind(kind), parameters)
    assert refused.value.errors[0].field == "parameters"


def test_have_parameters_for_every_kind():
    assert set(PARAMETERS) == set(CommandKind)
    assert fit_parameters(CommandKind.SYNC_NOW, {"parts": ["sales", "config", "sales"]}) == {
        "parts": ["config", "sales"]
    }


@pytest.mark.parametrize(
    ("table", "transitions"), [("commands", TRANSITIONS), ("command_batches", BATCH_TRANSITIONS)]
)
def test_step_as_their_table_says_even_by_plain_sql(terminal, tenant, superuser, table, transitions):
    send(terminal)
    send_batch("store", tenant.store.id)
    for source in transitions:
        for target in transitions:
            if source == target:
                continue
            result = "'{}'" if target in {"succeeded", "failed"} else "NULL"
            superuser.execute("SET session_replication_role = replica")
            ready = f"UPDATE portal.{table} SET status = '{source}'"
            if table == "commands":
                ready += ", result = " + ("'{}'" if source in {"succeeded", "failed"} else "NULL")
            superuser.execute(ready)
            superuser.execute("SET session_replication_role = origin")
            change = f"UPDATE portal.{table} SET status = '{target}'"
            change += f", result = {result}" if table == "commands" else ""
            if target in transitions[source]:
                superuser.execute(change)
            else:
                with pytest.raises(psycopg.errors.CheckViolation, match="not a legal transition"):
                    superuser.execute(change)


def test_say_nothing_that_nobody_should_read(terminal):
    command = send(terminal)
    fetch(terminal)
    pan = "4242424242424242"
    for _ in range(2):
        answer(terminal, command, Result(status=CommandStatus.FAILED, detail=f"card {pan}", data={"a": pan}))
    assert pan not in str(read(command).result) + str(audited())


def test_of_two_results_at_once_keep_one(terminal):
    command = send(terminal)
    fetch(terminal)
    results = [Result(status=CommandStatus.SUCCEEDED, code=code) for code in ("a", "b", "c")]
    outcomes = at_once(*(lambda result=result: answer(terminal, command, result) for result in results))
    assert sorted(type(each).__name__ for each in outcomes) == ["Command", "ResultGiven", "ResultGiven"]
    assert len(steps(command)) == 2


def test_fetched_and_called_off_at_once_are_one_or_the_other(terminal):
    for _ in range(3):
        command = send(terminal)
        fetched, cancelled = at_once(lambda: fetch(terminal), lambda made=command: cancel(made))
        assert isinstance(cancelled, IllegalTransition) == (command.id in [each.id for each in fetched])
        if fetched:
            answer(terminal, command, DONE)


# --- many -------------------------------------------------------------------------------------------------------------


def send_batch(level, key, *, scope=SEED, now=None):
    place = get_place(scope=scope, level=level, key=str(key))
    return command_batches.send_batch(scope=scope, place=place, order=order(), now=now or clock.now())


def batch_of(batch):
    with atomic(SEED):
        batch = CommandBatch.objects.get(id=batch.id)
        return batch, {name: count for name, count in count_progress(batch=batch).items() if count}


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(command_batches, "AT_A_TIME", 2)


def test_for_many_reach_each_active_terminal_once(tenant, terminal, few):
    fleet = [terminal, *(make_terminal(make_store(tenant.merchant)) for _ in range(4))]
    register(tenant.store)
    suspend_device(scope=SEED, device_id=fleet[3].device_id, actor="test", now=clock.now())
    strangers = [make_terminal(make_store(make_merchant(tenant.psp))), make_terminal(make_tenant().store)]
    batch = send_batch("merchant", tenant.merchant.id)
    assert batch_of(batch)[0].status == "expanding"
    deliver_all([db])
    found, progress = batch_of(batch)
    assert (found.status, found.reached, progress) == ("expanded", 4, {"queued": 4})
    assert [len(fetch(each)) for each in fleet] == [1, 1, 1, 0, 1]
    assert [len(fetch(each)) for each in strangers] == [0, 0]
    told = [each["commands"] for each in published("portal.commands_created")]
    assert [len(each) for each in told] == [2, 2]
    assert [each["action"] for each in audited()[-1:]] == ["command_batch.created"]


def test_for_many_are_written_once_however_often_a_part_is_done(tenant, terminal):
    batch = send_batch("store", tenant.store.id)
    with atomic(SEED):
        assert (
            command_batches.expand_batch(batch_id=batch.id, after=command_batches.FIRST, now=clock.now()) == 1
        )
        assert (
            command_batches.expand_batch(batch_id=batch.id, after=command_batches.FIRST, now=clock.now()) == 0
        )
    assert batch_of(batch)[1] == {"queued": 1}


def test_for_many_are_called_off_as_far_as_nobody_knows_of_them(tenant, terminal, few):
    others = [make_terminal(tenant.store) for _ in range(4)]
    batch = send_batch("store", tenant.store.id)
    deliver_all([db])
    fetch(others[0])
    command_batches.cancel_batch(scope=SEED, batch_id=batch.id, now=clock.now())
    deliver_all([db])
    found, progress = batch_of(batch)
    assert (found.status, progress) == ("cancelled", {"sent": 1, "cancelled": 4})
    with pytest.raises(IllegalTransition):
        command_batches.cancel_batch(scope=SEED, batch_id=batch.id, now=clock.now())


def test_for_many_that_are_called_off_at_once_are_not_written(tenant, terminal):
    batch = send_batch("store", tenant.store.id)
    command_batches.cancel_batch(scope=SEED, batch_id=batch.id, now=clock.now())
    deliver_all([db])
    assert batch_of(batch)[1] == {}


def test_for_many_are_sent_by_those_who_answer_for_all_of_them(tenant):
    scope = TenantScope(tenant.psp.id, tenant.merchant.id, (tenant.store.id,))
    with pytest.raises(Forbidden):
        send_batch("merchant", tenant.merchant.id, scope=scope)
    assert send_batch("store", tenant.store.id, scope=scope).store_id == tenant.store.id
    with pytest.raises(NotFound):
        send_batch("psp", tenant.psp.id)


def test_for_many_are_for_the_senders_own_mode(tenant, terminal):
    live = make_terminal(tenant.store, livemode=True)
    send_batch("store", tenant.store.id, scope=TenantScope(tenant.psp.id, livemode=False))
    deliver_all([db])
    assert (len(fetch(terminal)), len(fetch(live))) == (1, 0)


def test_are_open_while_a_step_leads_on():
    assert {CommandStatus.QUEUED, CommandStatus.SENT, CommandStatus.ACKNOWLEDGED} == OPEN
    assert BATCH_TRANSITIONS[BatchStatus.CANCELLED] == frozenset()
