"""What has expired..."""

import datetime as dt

from kernel import clock, jobs, upkeep
from mpac.portal.db import atomic
from mpac.portal.domain.mails import MailKind
from mpac.portal.models import ClientAssertion, Revocation
from mpac.portal.services import cleanup
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


def test_is_forgotten_on_a_schedule(database):
    names = {job.name for job in jobs.registered() if job.db.name == "portal"}
    assert {"portal.forget_expired", "portal.advance_key_rotation"} <= names
