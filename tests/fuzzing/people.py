"""The people who call while fuzzing: the demo's operator, who may do everything, and somebody whom the operator has invited and
who may come to harm.
"""

import re
import secrets
import threading
import time
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pyotp
import requests

REFRESH_AFTER_S = 600
STEPS_S = (0, 30, -30)  # the codes that count at a moment; each counts once
MAIL_WITHIN_S, LOOK_EVERY_S = 30, 0.1
LETTERS = b"-" * 79  # what the mails of a file are divided by
SECRET = re.compile(r"#(\S+)")


class NotSignedIn(Exception):
    """The platform did not let somebody in."""


class People:
    """Two people of a running platform, with their passwords, their tokens, and what they need to be useful."""

    def __init__(self, demo: dict[str, Any], mails: Path) -> None:
        self._demo, self._mails = demo, mails
        self._http = requests.Session()
        self._http.trust_env = False
        self._tokens: dict[str, Any] = {}
        self._refreshed_at = 0.0
        self._guests_token = ""
        self.operator_id = self._call("GET", "users/me", self.operator_token())["id"]
        self._guest = {
            "email": f"guest-{secrets.token_hex(6)}@example.com",
            "password": secrets.token_urlsafe(16),
        }
        self.guest_id = self._call("GET", "users/me", self._accept_invitation())["id"]
        self.keys = [key["id"] for key in self._call("GET", "api-keys", self.operator_token())["data"]]

    def operator_token(self) -> str:
        """A token of the operator that is valid for some minutes."""
        if not self._tokens:
            self._tokens = self._sign_in_with_code(self._demo["admin"])
        elif time.monotonic() > self._refreshed_at + REFRESH_AFTER_S:
            refresh = {"refresh_token": self._tokens["refresh_token"]}
            self._tokens = self._call("POST", "auth/refresh", body=refresh)
        else:
            return str(self._tokens["access_token"])
        self._refreshed_at = time.monotonic()
        return str(self._tokens["access_token"])

    def guest_token(self, *, ends: bool) -> str:
        """A token of the guest; one whose use `ends` the session is given to nobody again."""
        token = self._guests_token or str(self._guests_session()["access_token"])
        self._guests_token = "" if ends else token
        return token

    def existing(self) -> dict[str, Callable[[], Any]]:
        """What makes something new that a path can be about, by the name of the path's parameter."""
        return {
            "user_id": self.new_user,
            "role_id": lambda: self._make("roles", self.role()),
            "invitation_id": lambda: self._make("invitations", self.invitation()),
            "impersonation_id": lambda: self._make("impersonations", self.impersonation()),
            "api_key_id": lambda: self._make("api-keys", self.key()),
            "psp_id": lambda: self._make("psps", self.psp()),
            "session_id": lambda: self._guests_session()["session_id"],
        }

    def new_user(self) -> int:
        """Somebody who sees everything at the demo's provider."""
        person = {"email": f"{secrets.token_hex(8)}@example.com", "full_name": "Fuzzed person"}
        user_id = int(self._make("users", person))
        self._make(f"users/{user_id}/memberships", self.auditor())
        return user_id

    def auditor(self) -> dict[str, Any]:
        """A role that needs no second factor."""
        return {"role": "auditor", "psp_id": self._demo["psp"]["id"]}

    def role(self) -> dict[str, Any]:
        """What makes a custom role of the demo's provider."""
        names = {"name": f"R {secrets.token_hex(8)}", "permissions": ["devices:read"]}
        return names | {"psp_id": self._demo["psp"]["id"]}

    def invitation(self) -> dict[str, Any]:
        """What invites somebody new."""
        return self.auditor() | {"email": f"{secrets.token_hex(8)}@example.com"}

    def impersonation(self) -> dict[str, Any]:
        """What begins to act as somebody new."""
        return {"user_id": self.new_user(), "reason": "to see what they see", "ticket": "FUZZ-1"}

    def key(self) -> dict[str, Any]:
        """What makes an API key."""
        return {"name": "fuzzed", "mode": "test", "psp_id": self._demo["psp"]["id"]}

    def psp(self) -> dict[str, Any]:
        """What signs up a provider."""
        code = secrets.token_hex(6).upper()
        return {"code": code, "name": code, "country": "TH", "currency": "THB", "time_zone": "Asia/Bangkok"}

    def _accept_invitation(self) -> str:
        """Let the operator's guest choose a password; a token of theirs."""
        self._make("invitations", self.auditor() | {"email": self._guest["email"]})
        chosen = {"password": self._guest["password"], "full_name": "Guest"}
        self._call("POST", "invitations/accept", body=chosen | {"secret": self._mailed_secret()})
        return self.guest_token(ends=False)

    def _guests_session(self) -> dict[str, Any]:
        """Signing in once more; whatever is done to the session harms nobody."""
        return self._call("POST", "auth/login", body=self._guest)

    def _mailed_secret(self) -> str:
        """The secret of the link that the guest was sent; mails of a local platform are files."""
        end = time.monotonic() + MAIL_WITHIN_S
        while time.monotonic() < end:
            for path in sorted(self._mails.glob("*.log")):
                for raw in path.read_bytes().split(LETTERS):
                    letter = message_from_bytes(raw.strip(), policy=policy.default)
                    found = (
                        SECRET.search(letter.get_content()) if letter["To"] == self._guest["email"] else None
                    )
                    if found:
                        return found[1]
            threading.Event().wait(LOOK_EVERY_S)
        msg = "the invitation was not mailed"
        raise NotSignedIn(msg)

    def _sign_in_with_code(self, admin: dict[str, str]) -> dict[str, Any]:
        """A code that somebody has used is no good; then another one is tried."""
        credentials = {"email": admin["email"], "password": admin["password"]}
        token = self._call("POST", "auth/login", body=credentials)["mfa_token"]
        codes = pyotp.TOTP(admin["totp_secret"])
        for step_s in STEPS_S:
            body = {"mfa_token": token, "method": "totp", "code": codes.at(int(time.time()) + step_s)}
            answer = self._send("POST", "auth/mfa/verify", body=body)
            if answer.ok:
                return dict(answer.json())
        raise NotSignedIn(answer.text)

    def _make(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("POST", path, self.operator_token(), body)["id"]

    def _call(self, method: str, path: str, token: str = "", body: Any = None) -> dict[str, Any]:
        answer = self._send(method, path, token, body)
        if not answer.ok:
            raise NotSignedIn(f"{method} {path}: {answer.status_code} {answer.text}")
        return dict(answer.json())

    def _send(self, method: str, path: str, token: str = "", body: Any = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        address = f"{self._demo['base_url']}/v1/{path}"
        return self._http.request(method, address, json=body, headers=headers, timeout=30)
