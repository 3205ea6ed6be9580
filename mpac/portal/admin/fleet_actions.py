"""What people may do to terminals in the console, to one from its page or to many from the list."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django import forms
from django.db.models import Q

from kernel import ids
from kernel.admin import ListAction, Person, RowAction
from kernel.errors import DomainError, FieldError, Forbidden, Invalid, NotFound
from kernel.tenancy import TenantScope
from mpac.portal.db import atomic
from mpac.portal.domain.devices import DeviceStatus
from mpac.portal.domain.labels import parse_labels
from mpac.portal.models import Device
from mpac.portal.models.device import PREFIX
from mpac.portal.services import devices
from mpac.portal.services.device_groups import update_device
from mpac.portal.services.killing import kill_device

WRITE, KILL = "devices:write", "devices:kill"
MOST = 500
Step = Callable[..., Any]
STEPS: dict[str, tuple[str, str, Step]] = {
    "suspend": ("Suspend", WRITE, devices.suspend_device),
    "resume": ("Let work again", WRITE, devices.resume_device),
    "revoke": ("Revoke", WRITE, devices.revoke_device),
    "kill": ("Shut out: stolen", KILL, kill_device),
}
QUESTIONS = {
    "suspend": "Its tokens are refused within seconds. It can be let work again.",
    "resume": "It gets tokens again, with the key it has.",
    "revoke": "Its key is never trusted again. It can be registered anew.",
    "kill": "It is shut out at once and for ever, its connection is cut, and the payments that it has under way are called "
    "off. What it has not uploaded is lost.",
}


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(max_length=500)


class ManyForm(ReasonForm):
    """Which terminals, and why."""

    terminals = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 6, "cols": 60, "spellcheck": "false"}),
        max_length=40_000,
        help_text=f"identifiers or serial numbers, one a line, at most {MOST}",
    )
    field_order = ("terminals", "reason")


class LabelForm(ManyForm):
    """Which terminals get which labels."""

    labels = forms.CharField(max_length=500, help_text="name:value, joined by commas; others stay")


def scope_of(row: Device) -> TenantScope:
    """The scope in which something is done to a terminal."""
    return TenantScope(row.psp_id, row.merchant_id, (row.store_id,))


def row_actions() -> tuple[RowAction, ...]:
    """Each step as a button of the pages of terminals that it fits."""
    return tuple(
        RowAction(
            name=name,
            words=words,
            question=QUESTIONS[name],
            permission=permission,
            run=_on_one(step),
            form=ReasonForm,
            fits=_fits(name),
        )
        for name, (words, permission, step) in STEPS.items()
    )


def list_actions() -> tuple[ListAction, ...]:
    """Each step for many terminals at once, and labels."""
    steps = tuple(
        ListAction(
            name=f"{name}_many",
            words=f"{words} (several)",
            question=f"For each: {QUESTIONS[name][0].lower()}{QUESTIONS[name][1:]}",
            permission=permission,
            run=_on_many(step),
            form=ManyForm,
        )
        for name, (words, permission, step) in STEPS.items()
    )
    labeling = ListAction(
        name="label_many",
        words="Label (several)",
        question="They bear these labels from now on, beside those that they have.",
        permission=WRITE,
        run=_label,
        form=LabelForm,
    )
    return (*steps, labeling)


def _fits(name: str) -> Callable[[Device], bool]:
    statuses = {
        "suspend": {DeviceStatus.ACTIVE},
        "resume": {DeviceStatus.SUSPENDED},
        "revoke": set(DeviceStatus) - {DeviceStatus.REVOKED},
        "kill": set(DeviceStatus) - {DeviceStatus.REVOKED},
    }[name]
    return lambda row: DeviceStatus(row.status) in statuses


def _on_one(step: Step) -> Callable[..., str]:
    def run(row: Device, actor: str, now: dt.datetime, *, reason: str) -> str:
        step(scope=scope_of(row), device_id=row.id, actor=actor, reason=reason, now=now)
        return f"{row} is done."

    return run


def _on_many(step: Step) -> Callable[..., str]:
    def run(person: Person, now: dt.datetime, *, terminals: str, reason: str) -> str:
        def one(row: Device) -> None:
            step(scope=scope_of(row), device_id=row.id, actor=person.name, reason=reason, now=now)

        return _each(person, terminals, one)

    return run


def _label(person: Person, now: dt.datetime, *, terminals: str, reason: str, labels: str) -> str:  # noqa: ARG001
    added = parse_labels(labels)
    if not added:
        raise Invalid(errors=[FieldError("labels", "invalid", "Labels read name:value.")])

    def one(row: Device) -> None:
        update_device(scope=scope_of(row), device_id=row.id, labels=row.labels | added, now=now)

    return _each(person, terminals, one)


def _each(person: Person, terminals: str, one: Callable[[Device], None]) -> str:
    """Do something to each terminal by itself; what is refused for one does not keep the others from it."""
    names = list(dict.fromkeys(line.strip() for line in terminals.splitlines() if line.strip()))
    if not names or len(names) > MOST:
        raise Invalid(errors=[FieldError("terminals", "invalid", f"1 to {MOST} terminals.")])
    rows = _find(person, names)
    done, refused = 0, []
    for row in rows:
        try:
            one(row)
        except DomainError as refusal:
            refused.append(f"{row.serial_number}: {refusal.message}")
        else:
            done += 1
    return f"{done} of {len(rows)} done. {' '.join(refused)}".strip()


def _find(person: Person, names: list[str]) -> list[Device]:
    """The terminals that are named, all of them within the person's reach. Raises NotFound and Forbidden."""
    keys, serials = [], []
    for name in names:
        try:
            keys.append(ids.decode(PREFIX, name))
        except NotFound:
            serials.append(name)
    with atomic(person.scope):
        named = Q(id__in=keys) | Q(serial_number__in=serials) & ~Q(status=DeviceStatus.REVOKED)
        rows = list(Device.objects.filter(named).order_by("id"))
    known = {row.public_id for row in rows} | {row.serial_number for row in rows}
    if missing := [name for name in names if name not in known]:
        raise Invalid(errors=[FieldError("terminals", "not_found", f"no such terminal: {missing[0][:64]}")])
    if not all(person.may(row) for row in rows):
        raise Forbidden
    return rows
