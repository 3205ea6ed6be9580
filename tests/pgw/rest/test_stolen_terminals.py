"""What a terminal began at the gateway itself, before it was stolen ..."""

import datetime as dt

import pytest

from kernel import clock
from kernel.ids import decode
from kernel.relay import deliver_due
from mpac.pgw.db import atomic
from mpac.pgw.models import PaymentIntent
from mpac.pgw.services.resolution import resolve_due_attempts
from mpac.portal import conf
from mpac.portal.db import db as portal
from mpac.portal.services.killing import kill_device
from mpac.portal.services.tokens import Client, issue_device_token
from tests.pgw.rest.conftest import Caller
from tests.portal.factories import SEED, make_terminal

pytestmark = pytest.mark.usefixtures("healthy")


class Till(Caller):
    """A terminal that speaks to the gateway itself."""

    def __init__(self, partner) -> None:
        tenant = partner.tenant
        self.device_id = make_terminal(tenant.store).device_id
        client = Client(self.device_id, tenant.psp.id, tenant.merchant.id, tenant.store.id, livemode=False)
        super().__init__(partner.http, issue_device_token(client, now=clock.now()), tenant)


@pytest.fixture
def till(partner):
    return Till(partner)


def kill(till):
    """Kill it and tell of it; returns when that was."""
    now = clock.now()
    kill_device(scope=SEED, device_id=till.device_id, actor="test", now=now)
    deliver_due(portal, now=now)
    return now


def status(caller, intent):
    return caller.get(f"/payment-intents/{intent['id']}").json()["status"]


def test_is_known_to_be_its_own_however_it_was_begun(till, partner):
    wishes = [till.created(), till.created(confirm=True), partner.created(), partner.created(confirm=True)]
    with atomic(till.scope):
        made = [PaymentIntent.objects.get(pk=decode("pi", each["id"])).device_id for each in wishes]
    assert made == [till.device_id, till.device_id, None, None]


def test_is_called_off_and_nothing_else_is(till, partner):
    own = [till.created(), till.created(confirm=True)]
    others = [Till(partner).created(), partner.created(), partner.created(confirm=True)]
    resolve_due_attempts(now=kill(till) + dt.timedelta(seconds=1))
    assert [status(partner, each) for each in own] == ["cancelled"] * 2
    assert [status(partner, each) for each in others] == [
        "requires_confirmation",
        "requires_confirmation",
        "requires_action",
    ]


def test_is_called_off_too_when_its_last_token_let_it_begin_that_after_the_kill(till, partner):
    killed_at, last = kill(till), dt.timedelta(seconds=conf.KILL_SAID_AGAIN_S[-1])
    late = till.created()
    deliver_due(portal, now=killed_at + last - dt.timedelta(seconds=1))
    later_still = till.created()
    deliver_due(portal, now=killed_at + last)
    assert [status(partner, each) for each in (late, later_still)] == ["cancelled"] * 2


def test_is_called_off_in_whichever_mode(live_partner, partner, now):
    tenant = partner.tenant
    till = Till(partner)
    client = Client(till.device_id, tenant.psp.id, tenant.merchant.id, tenant.store.id, livemode=True)
    live = Caller(partner.http, issue_device_token(client, now=now), tenant).created()
    kill(till)
    assert status(live_partner, live) == "cancelled"
