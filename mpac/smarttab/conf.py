"""Smarttab's settings: how long things are kept, and when they count as interrupted."""

# How long a device's event log is kept.
EVENT_RETENTION_DAYS = 30
# How long a payment may be under way without an intent before a job takes it up.
RESUME_PAYMENTS_AFTER_S = 20
