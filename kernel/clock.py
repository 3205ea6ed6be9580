"""The clock: the only place that asks the machine what time it is.

Entrances (views, tasks, handlers, commands) read `now()` once and pass it down; nothing below them reads a
clock. Instants are aware, in UTC and whole milliseconds, which is what the API shows and what an id carries.
"""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant in UTC, cut to the millisecond."""
    instant = datetime.now(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def rfc3339(instant: datetime) -> str:
    """`2026-11-21T07:00:00.000Z`. Raises ValueError for an instant without a time zone."""
    if instant.tzinfo is None:
        msg = "an instant needs a time zone"
        raise ValueError(msg)
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
