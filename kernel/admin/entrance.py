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
    """Somebody who was let in: the key of their session, the token of their device when it is a new one, and recovery codes
    when they have just set up their first authenticator; both are shown now and never again.
    """

    user: Any
    key: str
    device_token: str
    recovery_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Somebody whose password was right, and who has to show a second factor: what their sign-in goes on by."""

    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """The secret of an authenticator that is being set up: as people type it, and as a picture for their apps."""

    text: str
    picture: str


class Entrance(Protocol):
    """What the console asks of whoever keeps people's accounts and sessions."""

    def sign_in(
        self, *, email: str, password: str, code: str, device_token: str, now: dt.datetime
    ) -> Inside | Waiting:
        """Let somebody in who shows a password and a code; without a code they wait. Raises DomainError."""

    def ways_on(self, token: str, *, now: dt.datetime) -> tuple[str, ...] | None:
        """By which factors a sign-in that waits may go on: `totp`, `email`, `recovery`; none when one must be set up first.
        None when the sign-in is over.
        """

    def send_code(self, token: str, *, now: dt.datetime) -> None:
        """Mail a code to who is signing in. Raises DomainError."""

    def begin_authenticator(self, token: str, *, now: dt.datetime) -> NewSecret:
        """Set up the authenticator of somebody who has none. Raises DomainError."""

    def show_factor(self, token: str, *, way: str, code: str, now: dt.datetime) -> Inside:
        """Let somebody in whose second factor is right. Raises DomainError."""

    def is_inside(self, key: str, *, user_id: int, now: dt.datetime) -> bool:
        """Whether the session goes on."""

    def leave(self, key: str, *, user_id: int, now: dt.datetime) -> None:
        """End the session."""

    def shut_out_others(self, key: str, *, user_id: int, now: dt.datetime) -> None:
        """End every other session of somebody who has just chosen another password."""


def entrance() -> Entrance:
    """Who keeps the door."""
    return cast("Entrance", import_string(settings.MPAC_CONSOLE_ENTRANCE)())
