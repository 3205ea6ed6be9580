"""What terminals can be told to do, and the life of such a command.

queued -> sent -> acknowledged -> succeeded | failed
sent -> succeeded | failed                      (a terminal may be done before it says that it has begun)
queued, sent, acknowledged -> expired           (too late; what the terminal says then is kept as evidence)
queued -> cancelled                             (called off before any terminal knew)
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from kernel.errors import FieldError
from mpac.portal.errors import MisfitParameters


class CommandKind(StrEnum):
    """What is to be done."""

    RESTART = "restart"
    LOCK = "lock"
    UNLOCK = "unlock"
    MESSAGE = "message"
    UPLOAD_LOGS = "upload_logs"
    SYNC_NOW = "sync_now"
    UPDATE_NOW = "update_now"


class CommandStatus(StrEnum):
    """Where a command is in its life."""

    QUEUED = "queued"  # written down; the terminal has not been handed it
    SENT = "sent"  # handed out at least once
    ACKNOWLEDGED = "acknowledged"  # the terminal has begun
    SUCCEEDED = "succeeded"  # it is done
    FAILED = "failed"  # the terminal says why not
    EXPIRED = "expired"  # its time is over
    CANCELLED = "cancelled"  # called off before it was handed out


TRANSITIONS: dict[CommandStatus, frozenset[CommandStatus]] = {
    CommandStatus.QUEUED: frozenset({CommandStatus.SENT, CommandStatus.EXPIRED, CommandStatus.CANCELLED}),
    CommandStatus.SENT: frozenset(
        {
            CommandStatus.ACKNOWLEDGED,
            CommandStatus.SUCCEEDED,
            CommandStatus.FAILED,
            CommandStatus.EXPIRED,
        }
    ),
    CommandStatus.ACKNOWLEDGED: frozenset(
        {CommandStatus.SUCCEEDED, CommandStatus.FAILED, CommandStatus.EXPIRED}
    ),
    CommandStatus.SUCCEEDED: frozenset(),
    CommandStatus.FAILED: frozenset(),
    CommandStatus.EXPIRED: frozenset(),
    CommandStatus.CANCELLED: frozenset(),
}
OPEN = frozenset(status for status, targets in TRANSITIONS.items() if targets)
RESULTS = frozenset({CommandStatus.SUCCEEDED, CommandStatus.FAILED})


class BatchStatus(StrEnum):
    """How far a command for many terminals has come."""

    EXPANDING = "expanding"  # commands are being written, some terminals at a time
    EXPANDED = "expanded"  # every terminal that was there has its command
    CANCELLED = "cancelled"  # called off: what was not handed out yet is cancelled, and no more is written


BATCH_TRANSITIONS: dict[BatchStatus, frozenset[BatchStatus]] = {
    BatchStatus.EXPANDING: frozenset({BatchStatus.EXPANDED, BatchStatus.CANCELLED}),
    BatchStatus.EXPANDED: frozenset({BatchStatus.CANCELLED}),
    BatchStatus.CANCELLED: frozenset(),
}

ShortText = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
LongText = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*$")]
Package = Annotated[str, Meta(max_length=255, pattern=r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+$")]


class Parameters(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a command says beside its kind."""


class Restart(Parameters):
    """The app alone, or the whole terminal; `when_idle` waits until nobody sells."""

    scope: Literal["app", "terminal"] = "app"
    when_idle: bool = True


class Lock(Parameters):
    """Nobody can use the terminal until it is unlocked; it shows the message."""

    message: LongText | None = None


class Unlock(Parameters):
    """The terminal can be used again."""


class Message(Parameters):
    """Shown on the screen until somebody reads it, or until its time is over."""

    text: LongText
    title: ShortText | None = None
    display_s: Annotated[int, Meta(ge=5, le=86_400)] = 300


class UploadLogs(Parameters):
    """What the terminal logged in the last hours."""

    hours: Annotated[int, Meta(ge=1, le=168)] = 24


class SyncNow(Parameters):
    """Fetch settings and catalogues, and hand in what was made offline."""

    parts: Annotated[frozenset[Literal["catalog", "config", "sales"]], Meta(min_length=1)] = frozenset(
        {"catalog", "config", "sales"}
    )


class UpdateNow(Parameters):
    """Look for updates, of one app or of all; `when_idle` waits until nobody sells."""

    package: Package | None = None
    when_idle: bool = True


PARAMETERS: Mapping[CommandKind, type[Parameters]] = {
    CommandKind.RESTART: Restart,
    CommandKind.LOCK: Lock,
    CommandKind.UNLOCK: Unlock,
    CommandKind.MESSAGE: Message,
    CommandKind.UPLOAD_LOGS: UploadLogs,
    CommandKind.SYNC_NOW: SyncNow,
    CommandKind.UPDATE_NOW: UpdateNow,
}


def fit_parameters(kind: CommandKind, given: Mapping[str, object]) -> dict[str, Any]:
    """The parameters of a command, complete with what was left out. Raises MisfitParameters."""
    try:
        fitting = msgspec.convert(dict(given), PARAMETERS[kind])
    except msgspec.ValidationError as error:
        raise MisfitParameters(errors=[FieldError("parameters", "invalid", f"{error}.")]) from None
    plain: dict[str, Any] = msgspec.to_builtins(fitting, order="sorted")
    return plain
