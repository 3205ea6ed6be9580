"""The reserved and settled sums of an intent: each change is one guarded statement, and a CHECK stands behind it."""

from django.db.models import F, Q

from mpac.pgw.models import PaymentIntent

ALWAYS = Q()


def reserve_refund(intent: PaymentIntent, amount_minor: int) -> bool:
    """Set `amount_minor` of the captured money aside for a refund; False when there is not that much left."""
    enough = Q(captured_minor__gte=F("refunded_minor") + F("refunding_minor") + amount_minor)
    return _change(intent, enough, refunding_minor=amount_minor)


def settle_refund(intent: PaymentIntent, amount_minor: int) -> None:
    """What was set aside has been given back."""
    _change(intent, ALWAYS, refunding_minor=-amount_minor, refunded_minor=amount_minor)


def free_refund(intent: PaymentIntent, amount_minor: int) -> None:
    """What was set aside is not given back."""
    _change(intent, ALWAYS, refunding_minor=-amount_minor)


def undo_refund(intent: PaymentIntent, amount_minor: int) -> None:
    """What had been given back is here again."""
    _change(intent, ALWAYS, refunded_minor=-amount_minor)


def reserve_capture(intent: PaymentIntent, amount_minor: int) -> bool:
    """Set `amount_minor` of the held money aside for a capture; False when there is not that much left."""
    enough = Q(authorized_minor__gte=F("captured_minor") + F("capturing_minor") + amount_minor)
    return _change(intent, enough, capturing_minor=amount_minor)


def settle_capture(intent: PaymentIntent, amount_minor: int) -> None:
    """What was set aside has been captured."""
    _change(intent, ALWAYS, capturing_minor=-amount_minor, captured_minor=amount_minor)


def free_capture(intent: PaymentIntent, amount_minor: int) -> None:
    """What was set aside is not captured."""
    _change(intent, ALWAYS, capturing_minor=-amount_minor)


def _change(intent: PaymentIntent, guard: Q, **by: int) -> bool:
    changes = {name: F(name) + amount_minor for name, amount_minor in by.items()}
    if not PaymentIntent.objects.filter(guard, pk=intent.pk).update(**changes):
        return False
    for name, amount_minor in by.items():
        setattr(intent, name, getattr(intent, name) + amount_minor)
    return True
