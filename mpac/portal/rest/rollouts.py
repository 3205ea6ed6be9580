"""Rollouts over HTTP. They reach across a whole provider, so only who stands for the whole of it sees and steers them."""

from collections.abc import Callable

from kernel import ids
from kernel.rest import Page, Request, operation, paginate
from mpac.portal.db import atomic
from mpac.portal.domain.rollouts import Gate, Wave
from mpac.portal.models import Rollout
from mpac.portal.models.app import PREFIX as APP
from mpac.portal.models.app import RELEASE
from mpac.portal.models.rollout import PREFIX as ROLLOUT
from mpac.portal.rest import app_views as views
from mpac.portal.rest.app_bodies import CreateRollout, ListProgress, ListRollouts, SteerRollout
from mpac.portal.rest.app_views import DeviceUpdateView, RolloutView
from mpac.portal.rest.endpoint import PortalEndpoint
from mpac.portal.selectors.apps import get_rollout, list_rollouts
from mpac.portal.selectors.updates import get_health, list_progress
from mpac.portal.services import rollouts
from mpac.portal.services.rollouts import NewRollout

READ, WRITE = "apps:read", "rollouts:write"


class RolloutsEndpoint(PortalEndpoint):
    """The rollouts to a provider's terminals: its own, and the platform's."""

    @operation(
        "rollouts.list",
        summary="List rollouts",
        query=ListRollouts,
        response=Page[RolloutView],
        errors=(404,),
        permission=READ,
        reach="psp",
    )
    def get(self, request: Request, query: ListRollouts) -> Page[RolloutView]:
        app_id = None if query.app_id is None else ids.decode(APP, query.app_id)
        with atomic(self.scope):
            return paginate(list_rollouts(app_id=app_id, status=query.status), query, views.rollout)

    @operation(
        "rollouts.create",
        summary="Start to roll out a release, with its first wave",
        body=CreateRollout,
        response=RolloutView,
        status=201,
        errors=(404, 409),
        permission=WRITE,
        reach="psp",
    )
    def post(self, request: Request, body: CreateRollout) -> RolloutView:
        wanted = NewRollout(
            release_id=ids.decode(RELEASE, body.release_id),
            channel=body.channel,
            waves=[Wave(wave.basis_points, wave.soak_s) for wave in body.waves],
            gate=Gate(
                max_failure_bp=body.gate.max_failure_bp,
                max_crash_bp=body.gate.max_crash_bp,
                min_payment_success_bp=body.gate.min_payment_success_bp,
                min_sample=body.gate.min_sample,
            ),
            merchant_ids=body.merchant_ids,
            store_ids=body.store_ids,
            group_ids=body.group_ids,
            window=body.window,
            spares_open_bills=body.spares_open_bills,
            min_battery_percent=body.min_battery_percent,
            needs_charging=body.needs_charging,
            needs_wifi=body.needs_wifi,
        )
        return views.rollout(rollouts.start_rollout(scope=self.scope, wanted=wanted, now=self.now))


class RolloutEndpoint(PortalEndpoint):
    """One rollout, with what became of it so far."""

    @operation("rollouts.read", summary="Read a rollout", response=RolloutView, permission=READ, reach="psp")
    def get(self, request: Request, rollout_id: str) -> RolloutView:
        with atomic(self.scope):
            found = get_rollout(scope=self.scope, rollout_id=ids.decode(ROLLOUT, rollout_id))
            return views.rollout(found, get_health(rollout_id=found.id))


class ProgressEndpoint(PortalEndpoint):
    """How far each terminal has come."""

    @operation(
        "rollouts.devices",
        summary="List how far terminals have come with a rollout",
        query=ListProgress,
        response=Page[DeviceUpdateView],
        permission=READ,
        reach="psp",
    )
    def get(self, request: Request, query: ListProgress, rollout_id: str) -> Page[DeviceUpdateView]:
        with atomic(self.scope):
            found = get_rollout(scope=self.scope, rollout_id=ids.decode(ROLLOUT, rollout_id))
            progress = list_progress(rollout_id=found.id, status=query.status)
            return paginate(progress, query, views.device_update)


class SteerEndpoint(PortalEndpoint):
    """Base of the endpoints that move a rollout to another status."""

    def steer(self, body: SteerRollout, rollout_id: str, step: Callable[..., Rollout]) -> RolloutView:
        moved = step(
            scope=self.scope, rollout_id=ids.decode(ROLLOUT, rollout_id), reason=body.reason, now=self.now
        )
        return views.rollout(moved)


class PauseEndpoint(SteerEndpoint):
    @operation(
        "rollouts.pause",
        summary="Offer a release to nobody for now",
        body=SteerRollout,
        response=RolloutView,
        errors=(409,),
        permission=WRITE,
        reach="psp",
    )
    def post(self, request: Request, body: SteerRollout, rollout_id: str) -> RolloutView:
        return self.steer(body, rollout_id, rollouts.pause_rollout)


class ResumeEndpoint(SteerEndpoint):
    @operation(
        "rollouts.resume",
        summary="Go on with a paused rollout",
        body=SteerRollout,
        response=RolloutView,
        errors=(409,),
        permission=WRITE,
        reach="psp",
    )
    def post(self, request: Request, body: SteerRollout, rollout_id: str) -> RolloutView:
        return self.steer(body, rollout_id, rollouts.resume_rollout)


class HaltEndpoint(SteerEndpoint):
    @operation(
        "rollouts.halt",
        summary="Never offer a release by this rollout again",
        body=SteerRollout,
        response=RolloutView,
        errors=(409,),
        permission=WRITE,
        reach="psp",
    )
    def post(self, request: Request, body: SteerRollout, rollout_id: str) -> RolloutView:
        return self.steer(body, rollout_id, rollouts.halt_rollout)


class CompleteEndpoint(SteerEndpoint):
    @operation(
        "rollouts.complete",
        summary="Offer a release to all that the rollout is for, from now on",
        body=SteerRollout,
        response=RolloutView,
        errors=(409,),
        permission=WRITE,
        reach="psp",
    )
    def post(self, request: Request, body: SteerRollout, rollout_id: str) -> RolloutView:
        return self.steer(body, rollout_id, rollouts.complete_rollout)
