"""Smarttab's settings, read in one place."""

from django.conf import settings


def event_retention_days() -> int:
    """How long a device's event log is kept."""
    return int(getattr(settings, "MPAC_SMARTTAB_EVENT_RETENTION_DAYS", 30))


def resume_payments_after_s() -> int:
    """How long a payment may be under way without an intent before a job takes it up."""
    return int(getattr(settings, "MPAC_SMARTTAB_RESUME_AFTER_S", 20))
