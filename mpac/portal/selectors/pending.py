"""What waits for a terminal: the answer to its heartbeat tells it what to fetch. Each function is one cheap look-up."""

import uuid

from mpac.portal.dto import Pending


def get_pending(*, device_id: uuid.UUID) -> Pending:
    """What waits for a terminal. Runs in the open transaction, in the terminal's own scope."""
    return Pending(
        config_etag=find_config_etag(device_id=device_id),
        commands_waiting=count_commands(device_id=device_id),
        update_waiting=has_update(device_id=device_id),
    )


def find_config_etag(*, device_id: uuid.UUID) -> str | None:  # noqa: ARG001  (filled by its topic)
    """The ETag of the terminal's settings as they are now; None when nobody has set any."""
    return None


def count_commands(*, device_id: uuid.UUID) -> int:  # noqa: ARG001  (filled by its topic)
    """How many commands the terminal has not acknowledged."""
    return 0


def has_update(*, device_id: uuid.UUID) -> bool:  # noqa: ARG001  (filled by its topic)
    """Whether a release waits for the terminal."""
    return False
