"""How people sign in: by what, with what outcome, and why a session ended."""

from enum import StrEnum


class Entrance(StrEnum):
    """Where a person signs in."""

    API = "api"
    CONSOLE = "console"


class Step(StrEnum):
    """What was tried."""

    PASSWORD = "password"  # noqa: S105  (a word)
    TOTP = "totp"
    EMAIL = "email"
    RECOVERY = "recovery"
    REFRESH = "refresh"
    PASSWORD_CHANGE = "password_change"  # noqa: S105  (a word)
    PASSWORD_RESET = "password_reset"  # noqa: S105  (a word)


class Outcome(StrEnum):
    """What came of it."""

    SUCCEEDED = "succeeded"
    FACTOR_NEEDED = "factor_needed"
    REFUSED = "refused"
    THROTTLED = "throttled"


class Method(StrEnum):
    """A second factor."""

    TOTP = "totp"
    EMAIL = "email"
    RECOVERY = "recovery"


class EndedBecause(StrEnum):
    """Why a session is over."""

    LOGGED_OUT = "logged_out"
    REVOKED = "revoked"
    REFRESH_REUSED = "refresh_reused"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  (a word)
    RIGHTS_CHANGED = "rights_changed"
    DEACTIVATED = "deactivated"
