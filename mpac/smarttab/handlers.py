"""How smarttab reacts to news of the gateway and of portal. Each handler parses an event and calls one service."""

import datetime as dt

from kernel import ids
from kernel.handlers import handles
from kernel.tenancy import TenantScope
from mpac.pgw import api as pgw
from mpac.pgw import events as gateway
from mpac.portal import api as fleet
from mpac.portal import events as portal
from mpac.smarttab.db import db
from mpac.smarttab.domain.states import LateDecision, PaymentStatus
from mpac.smarttab.events import LatePaymentDecided
from mpac.smarttab.selectors.orders import has_open_bills
from mpac.smarttab.services import fleet_news, gateway_payments, outcomes

SOURCE = "smarttab"
UNDECIDED = frozenset({"", "ask"})

fleet.ask_before_updates("smarttab.open_bills", has_open_bills)


@handles(gateway.PaymentIntentSucceeded, db=db, consumer="smarttab.complete_payment")
def complete_payment(event: gateway.PaymentIntentSucceeded, *, now: dt.datetime) -> None:
    """The money is there: payment completed, bill closed when nothing is due, order paid, terminal told."""
    if event.source != SOURCE:
        return
    outcomes.complete_payment(
        scope=_scope(event),
        payment_id=ids.decode("pay", event.reference or ""),
        intent_id=event.intent_id,
        amount_minor=event.amount_minor,
        now=now,
    )


@handles(gateway.LatePaymentReceived, db=db, consumer="smarttab.decide_late_payment")
def decide_late_payment(event: gateway.LatePaymentReceived, *, now: dt.datetime) -> None:
    """Money came too late: keep it if the bill is still due, else have it returned.

    Some late money is never due (a second payment, another sum); the gateway has decided that by itself.
    """
    if event.source != SOURCE or event.decision not in UNDECIDED:
        return
    outcomes.decide_late_payment(
        scope=_scope(event),
        payment_id=ids.decode("pay", event.reference or ""),
        intent_id=event.intent_id,
        amount_minor=event.amount_minor,
        now=now,
    )


@handles(gateway.PaymentIntentFailed, db=db, consumer="smarttab.fail_payment")
def fail_payment(event: gateway.PaymentIntentFailed, *, now: dt.datetime) -> None:
    """The gateway proved that no money moved."""
    _no_money(
        event,
        to=PaymentStatus.FAILED,
        code=event.error_code or "failed",
        message=event.error_message or "",
        now=now,
    )


@handles(gateway.PaymentIntentDeclined, db=db, consumer="smarttab.decline_payment")
def decline_payment(event: gateway.PaymentIntentDeclined, *, now: dt.datetime) -> None:
    """The payer's side said no. Another try is another payment."""
    _no_money(event, to=PaymentStatus.FAILED, code="declined", message="The payment was declined.", now=now)


@handles(gateway.PaymentIntentExpired, db=db, consumer="smarttab.expire_payment")
def expire_payment(event: gateway.PaymentIntentExpired, *, now: dt.datetime) -> None:
    """Nobody paid in time."""
    _no_money(event, to=PaymentStatus.FAILED, code="expired", message="Nobody paid in time.", now=now)


@handles(gateway.PaymentIntentCancelled, db=db, consumer="smarttab.cancel_payment")
def cancel_payment(event: gateway.PaymentIntentCancelled, *, now: dt.datetime) -> None:
    """The payment was called off before any money came."""
    _no_money(
        event, to=PaymentStatus.CANCELLED, code="cancelled", message="The payment was called off.", now=now
    )


@handles(gateway.PaymentIntentActionRequired, db=db, consumer="smarttab.show_next_action")
def show_next_action(event: gateway.PaymentIntentActionRequired, *, now: dt.datetime) -> None:
    """The payer has something to do: the terminal shows it."""
    if event.source != SOURCE:
        return
    outcomes.record_next_action(
        scope=_scope(event),
        payment_id=ids.decode("pay", event.reference or ""),
        intent_id=event.intent_id,
        next_action=event.next_action,
        now=now,
    )


@handles(LatePaymentDecided, db=db, consumer="smarttab.carry_late_decision", own_transaction=False)
def carry_late_decision(event: LatePaymentDecided, *, now: dt.datetime) -> None:
    """Tell the gateway what was decided about late money. It may be told again; it decides once."""
    scope = TenantScope(int(event.psp_id or 0), event.merchant_id)
    if event.decision == LateDecision.ACCEPTED:
        pgw.accept_late_payment(scope=scope, intent_id=event.payment_intent_id, now=now)
    else:
        pgw.return_late_payment(scope=scope, intent_id=event.payment_intent_id, reason=event.reason, now=now)


@handles(portal.ConfigReached, db=db, consumer="smarttab.tell_config_changed")
def tell_config_changed(event: portal.ConfigReached, *, now: dt.datetime) -> None:
    """Terminals hold other settings than before: they are told to read them."""
    fleet_news.tell_config_changed(devices=event.devices, now=now)


@handles(portal.UpdateAvailable, db=db, consumer="smarttab.tell_update_available", system="relay")
def tell_update_available(event: portal.UpdateAvailable, *, now: dt.datetime) -> None:
    """A wave of a rollout has come to terminals: they are told to ask what there is to install."""
    update = {"id": event.rollout_id, "package": event.package, "version_code": event.version_code}
    fleet_news.tell_update_available(devices=event.devices, update=update, now=now)


@handles(portal.DeviceKilled, db=db, consumer="smarttab.cancel_payments_of_killed", own_transaction=False)
def cancel_payments_of_killed(event: portal.DeviceKilled, *, now: dt.datetime) -> None:
    """A terminal is in wrong hands: what it has under way is called off."""
    gateway_payments.cancel_payments_of(
        scope=TenantScope(int(event.psp_id or 0), event.merchant_id),
        device_id=ids.decode("dev", event.device_id),
        now=now,
    )


@handles(portal.CommandsCreated, db=db, consumer="smarttab.tell_command_created")
def tell_command_created(event: portal.CommandsCreated, *, now: dt.datetime) -> None:
    """Terminals are to do something: they are told to fetch it."""
    fleet_news.tell_commands_created(commands=event.commands, now=now)


GatewayFailure = (
    gateway.PaymentIntentFailed
    | gateway.PaymentIntentDeclined
    | gateway.PaymentIntentExpired
    | gateway.PaymentIntentCancelled
)


def _no_money(event: GatewayFailure, *, to: PaymentStatus, code: str, message: str, now: dt.datetime) -> None:
    if event.source != SOURCE:
        return
    outcomes.fail_payment(
        scope=_scope(event),
        payment_id=ids.decode("pay", event.reference or ""),
        intent_id=event.intent_id,
        to=to,
        code=code,
        message=message,
        now=now,
    )


def _scope(
    event: GatewayFailure
    | gateway.PaymentIntentSucceeded
    | gateway.PaymentIntentActionRequired
    | gateway.LatePaymentReceived,
) -> TenantScope:
    return TenantScope(int(event.psp_id or 0), event.merchant_id)
