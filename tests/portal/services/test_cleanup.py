"""What has expired..."""

import datetime as dt

import pytest
from django.db import DatabaseError

from kernel import clock, jobs, upkeep
from kernel.tenancy import TenantScope
from mpac.portal.db import atomic
from mpac.portal.domain.commands import CommandKind
from mpac.portal.domain.mails import MailKind
from mpac.portal.models import (
    ClientAssertion,
    Command,
    CommandBatch,
    CommandStatusChange,
    DeviceImport,
    Revocation,
)
from mpac.portal.selectors.imports import report_rows
from mpac.portal.selectors.places import get_place
from mpac.portal.services import cleanup, command_batches, commands, device_imports
from mpac.portal.services.commands import Order
from mpac.portal.services.mails import post_mail
from mpac.portal.services.revocations import revoke_tokens_of
from mpac.portal.services.tokens import exchange_assertion
from tests.portal.factories import SEED, seconds


def test_is_forgotten_and_nothing_else_is(terminal, monkeypatch):
    monkeypatch.setattr(upkeep, "BATCH", 2)
    now = clock.now()
    for _ in range(5):
        exchange_assertion(assertion=terminal.assertion(), scope=None, now=now)
    lasting = terminal.assertion(exp=int(now.timestamp()) + 3000)
    exchange_assertion(assertion=lasting, scope=None, now=now)
    revoke_tokens_of(scope=SEED, subject="psp:1", psp_id=1, now=now)

    assert cleanup.forget_expired(now=now) == 0
    assert cleanup.forget_expired(now=now + seconds(125)) == 5
    with atomic(SEED):
        assert (ClientAssertion.objects.count(), Revocation.objects.count()) == (1, 1)
    assert cleanup.forget_expired(now=now + seconds(4000)) == 2


def test_is_a_mail_after_thirty_days_whether_or_not_it_could_be_sent(database):
    now = clock.now()
    post_mail(scope=SEED, kind=MailKind.PASSWORD_CHANGED, user=None, recipient="gone@example.com", now=now)
    assert cleanup.forget_expired(now=now + dt.timedelta(days=30)) == 0
    assert cleanup.forget_expired(now=now + dt.timedelta(days=30, minutes=2)) == 1


def days(count, *, minutes=0):
    return dt.timedelta(days=count, minutes=minutes)


def tell(device_id, *, kind=CommandKind.RESTART, expires_in_s=3600, now):
    order = Order(kind=kind, expires_in_s=expires_in_s, sent_by="user:1")
    return commands.send_command(scope=SEED, device_id=device_id, order=order, now=now)


def left():
    with atomic(SEED):
        return CommandBatch.objects.count(), Command.objects.count(), CommandStatusChange.objects.count()


def test_is_a_command_with_its_steps_ninety_days_after_its_end(terminal, monkeypatch):
    monkeypatch.setattr(cleanup, "COMMANDS_AT_A_TIME", 2)
    now = clock.now()
    for _ in range(3):
        tell(terminal.device_id, now=now)
    tell(terminal.device_id, expires_in_s=7 * 86_400, now=now)
    commands.hand_out_commands(scope=SEED, device_id=terminal.device_id, limit=3, now=now)
    commands.expire_commands(now=now + days(1))
    assert left() == (0, 4, 6)
    assert cleanup.forget_commands(now=now + days(91)) == 0
    assert [cleanup.forget_commands(now=now + days(91, minutes=1)) for _ in range(2)] == [3, 0]
    assert left() == (0, 1, 0)  # the last has no end yet


def test_is_a_batch_when_its_last_command_is(terminal, tenant):
    now = clock.now()
    order = Order(kind=CommandKind.RESTART, expires_in_s=3600, sent_by="user:1")
    with atomic(SEED):
        place = get_place(scope=SEED, level="store", key=str(tenant.store.id))
    batch = command_batches.send_batch(scope=SEED, place=place, order=order, now=now)
    with atomic(SEED):
        command_batches.expand_batch(batch_id=batch.id, after=command_batches.FIRST, now=now)
    assert cleanup.forget_commands(now=now + days(100)) == 0  # its command is still open
    assert left() == (1, 1, 0)
    commands.expire_commands(now=now + days(1))
    assert cleanup.forget_commands(now=now + days(91)) == 0
    assert left() == (1, 1, 1)
    assert cleanup.forget_commands(now=now + days(91, minutes=1)) == 1
    assert left() == (0, 0, 0)


def test_are_steps_of_commands_for_upkeep_and_nobody_else(terminal):
    now = clock.now()
    command = tell(terminal.device_id, now=now)
    commands.cancel_command(scope=SEED, command_id=command.id, actor="user:1", now=now)
    for scope in (SEED, TenantScope(command.psp_id)):
        with pytest.raises(DatabaseError, match="append-only"), atomic(scope):
            CommandStatusChange.objects.all().delete()
    with pytest.raises(DatabaseError, match="permission denied"), atomic(upkeep.SCOPE):
        CommandStatusChange.objects.update(actor="user:2")
    assert left() == (0, 1, 1)


CONTENT = 'serial_number;name;labels\r\nSN-A,1;Till 1;lane:1\r\n\r\n"SN-""B""";Till 2;\r\n'


def take_in(tenant, *, now):
    place = device_imports.Place(
        psp_id=tenant.psp.id, merchant_id=tenant.merchant.id, store_id=tenant.store.id
    )
    return device_imports.check_list(
        scope=SEED, place=place, raw=CONTENT.encode(), charset="", livemode=False, by="user:1", now=now
    )


def told(taken, *, now):
    with atomic(SEED):
        found = DeviceImport.objects.get(id=taken.id)
        return found.content, list(report_rows(found, now=now))


def test_is_all_but_the_serial_numbers_of_a_list_thirty_days_after_its_end(tenant):
    now = clock.now()
    taken = take_in(tenant, now=now)
    device_imports.start_import(scope=SEED, import_id=taken.id, now=now)
    device_imports.run_imports(now=now + days(1))
    later = now + days(31, minutes=1)
    content, report = told(taken, now=later)
    assert [(row[0], row[1]) for row in report] == [(2, "SN-A,1"), (4, 'SN-"B"')]
    assert cleanup.trim_lists(now=now + days(31)) == 0
    assert [cleanup.trim_lists(now=later) for _ in range(2)] == [1, 0]
    trimmed, same = told(taken, now=later)
    assert same == report
    assert "Till" in content
    assert "Till" not in trimmed
    assert cleanup.forget_expired(now=now + days(400)) == 0


def test_is_a_list_that_nobody_started_within_thirty_days(tenant):
    now = clock.now()
    take_in(tenant, now=now)
    assert cleanup.forget_expired(now=now + days(30)) == 0
    assert cleanup.forget_expired(now=now + days(30, minutes=2)) == 1
    with atomic(SEED):
        assert not DeviceImport.objects.exists()


def test_is_forgotten_on_a_schedule(database):
    names = {job.name for job in jobs.registered() if job.db.name == "portal"}
    assert {"portal.forget_expired", "portal.forget_commands", "portal.trim_lists"} <= names
