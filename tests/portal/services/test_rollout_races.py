"""Rollouts and reports of updates, at once ..."""

from functools import partial

from kernel import clock
from kernel.tenancy import TenantScope
from mpac.portal.db import atomic
from mpac.portal.errors import IllegalTransition, PackageTaken
from mpac.portal.models import DeviceUpdate, Rollout
from mpac.portal.services import rollouts
from mpac.portal.services.updates import Report, count_payments, report_update
from tests.portal.factories import (
    SEED,
    make_app,
    make_release,
    make_rollout,
    make_tenant,
    make_terminal,
    seconds,
)
from tests.portal.services.test_races import MANY, at_once


def test_lose_no_payment_that_is_counted_while_a_terminal_reports(tenant):
    terminal = make_terminal(tenant.store)
    rollout = make_rollout(make_release(make_app(tenant.psp).public_id))
    scope = TenantScope(tenant.psp.id, tenant.merchant.id, (tenant.store.id,))
    told = partial(report_update, scope=scope, device_id=terminal.device_id, rollout_id=rollout.id)
    told(report=Report(status="installed"), now=clock.now())

    def count():
        with atomic(TenantScope(tenant.psp.id)):
            count_payments(psp_id=tenant.psp.id, outcomes={terminal.device_id: (1, 2)})

    crash = partial(told, report=Report(status="crashed"), now=clock.now())
    at_once(*[count, crash] * MANY)
    with atomic(SEED):
        update = DeviceUpdate.objects.get()
    assert (update.payments_succeeded, update.payments_failed, update.crashes) == (MANY, 2 * MANY, MANY)


def test_leave_one_that_is_halted_while_a_later_one_supersedes_it(tenant):
    app = make_app(tenant.psp).public_id
    first = make_rollout(make_release(app))
    rollouts.complete_rollout(scope=SEED, rollout_id=first.id, now=clock.now())
    second = make_rollout(make_release(app, 2))
    step = {"scope": SEED, "now": clock.now()}
    halted, completed = at_once(
        partial(rollouts.halt_rollout, rollout_id=first.id, **step),
        partial(rollouts.complete_rollout, rollout_id=second.id, **step),
    )
    assert completed.status == "completed"
    expected = "superseded" if isinstance(halted, IllegalTransition) else "halted"
    with atomic(SEED):
        assert Rollout.objects.get(id=first.id).status == expected


def test_watch_a_wave_anew_after_a_pause(tenant):
    rollout = make_rollout(make_release(make_app(tenant.psp).public_id), shares=(100, 10_000))
    rollouts.pause_rollout(scope=SEED, rollout_id=rollout.id, now=clock.now())
    later = clock.now() + seconds(7200)
    rollouts.resume_rollout(scope=SEED, rollout_id=rollout.id, now=later)
    rollouts.advance_rollouts(now=later + seconds(60))
    with atomic(SEED):
        assert Rollout.objects.get().wave == 0
    rollouts.advance_rollouts(now=later + seconds(3601))
    with atomic(SEED):
        assert Rollout.objects.get().wave == 1


def enter_app(psp):
    try:
        return make_app(psp)
    except PackageTaken:
        return None


def test_enter_a_package_as_the_platforms_or_as_a_providers(tenant):
    others = [make_tenant().psp for _ in range(MANY // 2 - 1)]
    entered = at_once(*(partial(enter_app, psp) for psp in [None, tenant.psp, *others, None]))
    owners = {app.psp_id for app in entered if app is not None}
    assert owners == {None} or (owners and None not in owners)


def test_halt_one_although_another_cannot_go_on(tenant, monkeypatch):
    app = make_app(tenant.psp).public_id
    stuck = make_rollout(make_release(app))
    make_rollout(make_release(app, 2), channel="beta")
    healthy = rollouts.get_health

    def fails(*, rollout_id):
        if rollout_id == stuck.id:
            raise RuntimeError
        return healthy(rollout_id=rollout_id)

    monkeypatch.setattr(rollouts, "get_health", fails)
    assert rollouts.advance_rollouts(now=clock.now()) == 1
