"""Apps, releases and rollouts in the console."""

import datetime as dt
from collections.abc import Callable
from functools import partial

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from kernel.admin import Panel, RowAction
from kernel.admin.columns import badge, tone
from kernel.tenancy import SystemScope, TenantScope
from mpac.portal.admin.base import WHERE, PortalAdmin
from mpac.portal.admin.rollout_picture import COLORS, draw_progress, named
from mpac.portal.domain.rollouts import TRANSITIONS, RolloutStatus
from mpac.portal.models import App, AppRelease, DeviceUpdate, Rollout
from mpac.portal.selectors.updates import get_health, list_targets
from mpac.portal.services import rollouts

STEER = "rollouts:write"
FAULTS = ("install_failures", "crashes", "payment_success")


class ReasonForm(forms.Form):
    """Why something is done."""

    reason = forms.CharField(max_length=500, help_text="why")


def steer(
    row: Rollout, _actor: str, now: dt.datetime, *, step: Callable[..., Rollout], reason: str = ""
) -> str:
    """Move a rollout on."""
    scope = SystemScope("console") if row.psp_id is None else TenantScope(row.psp_id)
    moved = step(scope=scope, rollout_id=row.pk, reason=reason, now=now)
    return f"The rollout is {moved.status}."


def steering(
    name: str, words: str, question: str, step: Callable[..., Rollout], to: RolloutStatus
) -> RowAction:
    """One thing that a person may do with a rollout, where its state leads there."""
    return RowAction(
        name=name,
        words=words,
        question=question,
        permission=STEER,
        run=partial(steer, step=step),
        form=ReasonForm,
        fits=lambda row: to in TRANSITIONS[RolloutStatus(row.status)],
    )


@admin.register(App)
class AppAdmin(PortalAdmin):
    """What terminals may run; those without a provider are the platform's, for all."""

    kind = "app"
    list_display = ("id", "name", "package", "version_code", "psp_id", "livemode", "updated_at")
    list_filter = ("livemode",)
    search_fields = ("name", "package")
    ordering = ("-id",)


@admin.register(AppRelease)
class AppReleaseAdmin(PortalAdmin):
    """Files, with what was proved about each."""

    kind = "rel"
    references = {"app": "app"}
    list_display = (
        *("id", "app", "version_code", "version_name", "min_sdk", "signature_scheme", "size_bytes"),
        *("created_at", "uploaded_by", "psp_id", "livemode"),
    )
    list_select_related = ("app",)
    list_filter = ("created_at",)
    search_fields = ("app__package", "sha256__exact")
    ordering = ("-id",)


@admin.register(Rollout)
class RolloutAdmin(PortalAdmin):
    """Releases on their way."""

    kind = "rol"
    references = {"app": "app", "release": "rel"}
    list_display = (
        *("id", "app", "release", "channel", "status", "reason", "wave", "created_at", "created_by"),
        *("psp_id", "livemode"),
    )
    list_select_related = ("app", "release")
    list_filter = ("status", "created_at")
    search_fields = ("app__package",)
    ordering = ("-id",)
    in_panels = ("waves", "gate", "salt", "announced_waves", "announced_to")
    attention = {"rollouts that halted themselves": {"status": "halted", "reason__in": FAULTS}}
    row_actions = (
        steering(
            "pause",
            "Pause",
            "Offer the release to nobody for now? Terminals that have it keep it.",
            rollouts.pause_rollout,
            RolloutStatus.PAUSED,
        ),
        steering(
            "resume",
            "Resume",
            "Offer the release again, to the waves so far?",
            rollouts.resume_rollout,
            RolloutStatus.ACTIVE,
        ),
        steering(
            "halt",
            "Halt",
            "Never offer the release by this rollout again? That cannot be taken back.",
            rollouts.halt_rollout,
            RolloutStatus.HALTED,
        ),
        steering(
            "complete",
            "Complete",
            "Offer the release to all that it is for, without waiting for further waves?",
            rollouts.complete_rollout,
            RolloutStatus.COMPLETED,
        ),
    )

    def panels(self, request: HttpRequest, row: Rollout) -> list[Panel]:
        """How far it has come, as a picture and in figures, and its waves."""
        health, reached = get_health(rollout_id=row.pk), list_targets(row).count()
        counted = (
            *((named(name), getattr(health, name)) for name, _color in COLORS),
            ("crashed after it", health.crashed),
            ("payments that succeeded on it", health.payments_succeeded),
            ("payments that failed on it", health.payments_failed),
        )
        return [
            Panel(
                title="Progress",
                heads=("", ""),
                rows=[(draw_progress(health, reached, row.all_waves, row.wave), ""), *counted],
                note=f"Of {reached} active terminals that it is for. It halts itself when more than"
                f" {row.thresholds.max_failure_bp / 100:g} % fail or {row.thresholds.max_crash_bp / 100:g} % crash, or fewer"
                f" than {row.thresholds.min_payment_success_bp / 100:g} % of payments succeed.",
            ),
            Panel(
                title="Waves",
                heads=("share", "watched for", "state"),
                rows=[
                    (
                        f"{wave.basis_points / 100:g} %",
                        str(dt.timedelta(seconds=wave.soak_s)),
                        badge(_word(row, number), tone_name=tone(_word(row, number))),
                    )
                    for number, wave in enumerate(row.all_waves)
                ],
            ),
        ]


def _word(row: Rollout, number: int) -> str:
    """What a wave is, seen from the present one."""
    if number < row.wave or row.status == RolloutStatus.COMPLETED:
        return "completed"
    return str(row.status) if number == row.wave else "pending"


@admin.register(DeviceUpdate)
class DeviceUpdateAdmin(PortalAdmin):
    """How far terminals have come."""

    references = {"device_id": "dev", "rollout": "rol", "app": "app"}
    list_display = (
        *(
            "updated_at",
            "device_id",
            "rollout",
            "version_code",
            "status",
            "failure_code",
            "crashes",
            "is_current",
        ),
        *WHERE,
    )
    list_select_related = ("rollout", "app")
    list_filter = ("status", "is_current", "updated_at")
    search_fields = ("failure_code__exact",)
    search_help_text = "a terminal's or rollout's identifier, or why it failed"
    ordering = ("-id",)
