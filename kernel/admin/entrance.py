"""The console's door: who keeps count of those who try it, and of those who are inside. `MPAC_CONSOLE_ENTRANCE` names it."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

# Under this name a browser's session holds the key of the person's, and its cookie the token of a known device.
SESSION = "mpac_session"
DEVICE = "mpac_device"
DEVICE_AGE_S = 180 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """Somebody who was let in: the key of their session, and the token of their device when it is a new one."""

    key: str
    device_token: str


class Entrance(Protocol):
    """What the console asks of whoever keeps people's sessions."""

    def count_try(self, *, email: str, device_token: str, now: dt.datetime) -> Any:
        """Count a try to sign in; what it returns is handed back. Raises RateLimited."""

    def refuse(self, counted: Any, *, now: dt.datetime) -> None:
        """Leave a record of a try that failed."""

    def let_in(self, counted: Any, *, user: Any, now: dt.datetime) -> Inside:
        """Open a session. Raises DomainError for who may not come in after all."""

    def is_inside(self, key: str, *, user_id: int, now: dt.datetime) -> bool:
        """Whether the session goes on."""

    def leave(self, key: str, *, user_id: int, now: dt.datetime) -> None:
        """End the session."""

    def shut_out_others(self, key: str, *, user_id: int, now: dt.datetime) -> None:
        """End every other session of somebody who has just chosen another password."""


def entrance() -> Entrance:
    """Who keeps the door."""
    return cast("Entrance", import_string(settings.MPAC_CONSOLE_ENTRANCE)())
