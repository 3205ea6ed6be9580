"""Settings of the audit context."""

import datetime as dt

# The chain of what belongs to no provider.
PLATFORM = 0
# How long records stay in the database before their month is set aside for the archive.
KEEP = dt.timedelta(days=3 * 366)
# So many records are read and checked at once.
BATCH = 2_000
