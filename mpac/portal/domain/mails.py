"""What mails say. Each kind is one text; `{secret}` in it is known to nobody but the recipient.

In an address it stands behind the `#`: browsers keep that part to themselves, so that no log and no other site sees it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class MailKind(StrEnum):
    """What a mail is about."""

    INVITATION = "invitation"
    LOGIN_CODE = "login_code"
    NEW_DEVICE = "new_device"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  (a word)
    PASSWORD_RESET = "password_reset"  # noqa: S105  (a word)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it is sent."""

    subject: str
    text: str


_FOOT = "\n\nYou get this mail because of your MPAC account at {url}.\n"
_LETTERS: Mapping[MailKind, Letter] = {
    MailKind.INVITATION: Letter(
        "You are invited to MPAC",
        "{inviter} invites you to MPAC as {role}.\n\n"
        "On this page you accept, within {days} days: by your password if you have an account already, or else by choosing a "
        "name and a password.\n\n{url}/admin/account/invitation#{secret}\n\n"
        "If you are asked for the code, it is:\n\n{secret}\n\n"
        "If you do not know what this is about, there is nothing to do.",
    ),
    MailKind.LOGIN_CODE: Letter(
        "Your code to sign in",
        "Your code is {secret}. It works once, for five minutes.\n\n"
        "Nobody from MPAC will ever ask you for it. If you are not signing in, somebody knows your password: change it.",
    ),
    MailKind.NEW_DEVICE: Letter(
        "New sign-in to your account",
        "Somebody signed in to your account with a device that you have not used before.\n\n"
        "When: {at}\nFrom: {address}\nWith: {user_agent}\n\n"
        "If that was not you, change your password: this ends all sessions.",
    ),
    MailKind.PASSWORD_CHANGED: Letter(
        "Your password was changed",
        "The password of your account was changed at {at} from {address}, and all other sessions were ended.\n\n"
        "If that was not you, ask for a new password at once and tell your administrator.",
    ),
    MailKind.PASSWORD_RESET: Letter(
        "Choose a new password",
        "On this page you can choose a new password, once, within 30 minutes:\n\n{url}/admin/account/password#{secret}\n\n"
        "If you are asked for the code, it is:\n\n{secret}\n\n"
        "If you have not asked for it, there is nothing to do: your password stays as it is.",
    ),
}


def write(kind: MailKind, *, values: Mapping[str, str], secret: str, url: str) -> Letter:
    """The mail of a kind with its blanks filled in."""
    found = _LETTERS[kind]
    filled = {"secret": secret, "url": url, **values}
    return Letter(found.subject, (found.text + _FOOT).format(**filled))
