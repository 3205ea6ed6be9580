"""Rollouts of releases, and how far each terminal has come with them."""

import datetime as dt

from django.db import models

from kernel import ids
from kernel.models import StoreModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.portal.domain.rollouts import (
    TRANSITIONS,
    UPDATE_TRANSITIONS,
    Gate,
    RolloutStatus,
    UpdateStatus,
    Wave,
)
from mpac.portal.models.app import App, AppRelease, SharedModel

PREFIX, UPDATE = "rol", "upd"
LIVE = [RolloutStatus.ACTIVE, RolloutStatus.PAUSED]


class Rollout(SharedModel):
    """One release on its way to the terminals of a channel. Empty lists of merchants, stores and groups mean all.

    `wave` counts from 0. Terminals are told of each wave by a job that goes through them in the order of their ids:
    `announced_waves` are done, and of the next one those up to `announced_to`. `awaits_install` says that somebody who was
    told of the present wave is to install the release, when more than the `installed_before` have, before the next begins.
    """

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="rollouts")
    release = models.ForeignKey(AppRelease, on_delete=models.PROTECT, related_name="rollouts")
    channel = models.TextField()
    status = models.TextField(choices=choices(RolloutStatus), default=RolloutStatus.ACTIVE)
    reason = models.TextField(default="")
    salt = models.TextField()
    waves = models.JSONField()
    wave = models.SmallIntegerField(default=0)
    wave_at = models.DateTimeField()
    merchant_ids = models.JSONField(default=list)
    store_ids = models.JSONField(default=list)
    group_ids = models.JSONField(default=list)
    window = models.TextField(default="maintenance")
    spares_open_bills = models.BooleanField(default=True)
    min_battery_percent = models.SmallIntegerField(default=0)
    needs_charging = models.BooleanField(default=False)
    needs_wifi = models.BooleanField(default=False)
    gate = models.JSONField()
    announced_waves = models.SmallIntegerField(default=0)
    announced_to = models.UUIDField(null=True)
    awaits_install = models.BooleanField(default=False)
    installed_before = models.IntegerField(default=0)
    created_by = models.TextField()
    updated_at = models.DateTimeField()

    rules = TableRules(
        tenant="psp",
        shared=True,
        transitions=TRANSITIONS,
        parents=(Parent("psp_id", "psps"), Parent("app_id", "apps"), Parent("release_id", "app_releases")),
    )

    class Meta(SharedModel.Meta):
        db_table = "rollouts"
        constraints = (
            choices_check("status", RolloutStatus, "portal_rollout_status"),
            # Two at once would offer a terminal two releases.
            models.UniqueConstraint(
                fields=["psp_id", "app", "channel"],
                condition=models.Q(status__in=LIVE),
                name="portal_rollout_live",
                nulls_distinct=False,
            ),
        )
        indexes = (
            models.Index(fields=["psp_id", "status"], name="portal_rollout_offered"),
            models.Index(fields=["status"], name="portal_rollout_due", condition=models.Q(status="active")),
        )

    def __str__(self) -> str:
        return f"{self.release} to {self.channel}"

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)

    @property
    def all_waves(self) -> list[Wave]:
        return [Wave(**wave) for wave in self.waves]

    @property
    def thresholds(self) -> Gate:
        return Gate(**self.gate)

    def is_soaked(self, now: dt.datetime) -> bool:
        """Whether the present wave has been watched for as long as it should."""
        soak = dt.timedelta(seconds=self.all_waves[self.wave].soak_s)
        return bool(now >= self.wave_at + soak)

    def is_tried(self, installed: int) -> bool:
        """Whether all of the present wave were told, and one of them has installed the release if anybody can."""
        told = self.announced_waves > self.wave
        return told and (not self.awaits_install or installed > self.installed_before)


class DeviceUpdate(StoreModel):
    """How far a terminal has come with the release of a rollout. `is_current` marks what it runs of each app.

    Payments are counted while it runs this release, so that a release that breaks paying shows.
    """

    device_id = models.UUIDField()
    rollout = models.ForeignKey(Rollout, on_delete=models.PROTECT, related_name="updates")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+", db_index=False)
    version_code = models.BigIntegerField()
    status = models.TextField(choices=choices(UpdateStatus))
    is_current = models.BooleanField(default=False)
    failure_code = models.TextField(default="")
    message = models.TextField(default="")
    crashes = models.IntegerField(default=0)
    payments_succeeded = models.IntegerField(default=0)
    payments_failed = models.IntegerField(default=0)
    installed_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()

    rules = TableRules(
        tenant="store", transitions=UPDATE_TRANSITIONS, parents=(Parent("device_id", "devices"),)
    )

    class Meta(StoreModel.Meta):
        db_table = "device_updates"
        constraints = (
            choices_check("status", UpdateStatus, "portal_device_update_status"),
            # A terminal takes part in a rollout once.
            models.UniqueConstraint(
                fields=["psp_id", "rollout", "device_id"], name="portal_device_update_once"
            ),
            # A terminal runs one version of an app.
            models.UniqueConstraint(
                fields=["psp_id", "device_id", "app"],
                condition=models.Q(is_current=True),
                name="portal_device_update_current",
            ),
        )
        indexes = (models.Index(fields=["psp_id", "device_id"], name="portal_device_update_own"),)

    def __str__(self) -> str:
        return f"{self.version_code} {self.status}"

    @property
    def public_id(self) -> str:
        return ids.encode(UPDATE, self.id)
