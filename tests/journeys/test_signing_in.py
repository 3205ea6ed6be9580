"""The whole life of a person's sign-in, over HTTP and through the mailbox."""

import re
from email import message_from_bytes, policy

import httpx2
import pyotp

from tests.journeys.conftest import until

EMAIL = "journey@example.com"
NEW = "a wholly new sentence"


class Browser:
    """What a person signs in with."""

    def __init__(self, platform) -> None:
        self.platform = platform
        self.http = httpx2.Client(
            base_url=f"{platform.demo['base_url']}/v1/auth", timeout=30, trust_env=False
        )

    def __enter__(self):
        return self

    def __exit__(self, *_error) -> None:
        self.http.close()

    def post(self, path, body=None, *, token="", status=200):
        answer = self.http.post(path, json=body or {}, headers=bearer(token))
        assert answer.status_code == status, answer.text
        return answer.json()

    def get(self, path, *, token, status=200):
        answer = self.http.get(path, headers=bearer(token))
        assert answer.status_code == status, answer.text
        return answer.json()

    def delete(self, path, *, token, status=200):
        answer = self.http.delete(path, headers=bearer(token))
        assert answer.status_code == status, answer.text
        return answer.json()


def bearer(token):
    return {"Authorization": f"Bearer {token}"} if token else {}


def mailed(platform, subject, pattern, *, to=EMAIL):
    """What a mail with this subject says to the person; mails are files here."""

    def look():
        for path in sorted((platform.state / "mails").glob("*.log")):
            for raw in path.read_bytes().split(b"-" * 79):
                letter = message_from_bytes(raw.strip(), policy=policy.default)
                if letter["To"] == to and letter["Subject"] == subject:
                    return re.search(pattern, letter.get_payload(decode=True).decode())
        return None

    return until(look, timeout_s=30)[0]


def new_operator(platform):
    """Somebody who runs the platform, made at its server: the password and the authenticator."""
    done = platform.manage("create_operator", EMAIL, "--name=Journey")
    assert done.returncode == 0, done.stderr
    password = re.search(r"^password +(\S+)$", done.stdout, re.MULTILINE)[1]
    secret = re.search(r"^second factor +(\S+)$", done.stdout, re.MULTILINE)[1]
    return password, pyotp.TOTP(secret)


def test_goes_from_the_first_code_to_the_last_session(platform):
    password, totp = new_operator(platform)
    credentials = {"email": EMAIL, "password": password}
    with Browser(platform) as browser:
        tokens = sign_in_with_a_code(browser, credentials, totp)
        tokens |= go_on(browser, tokens)
        codes = browser.post("/recovery-codes", token=tokens["access_token"], status=201)["recovery_codes"]
        end_a_session_elsewhere(browser, credentials, codes[0], tokens["access_token"])
        device = choose_a_new_password(browser, credentials)
        browser.post("/refresh", {"refresh_token": tokens["refresh_token"]}, status=401)
        leave(browser, {"email": EMAIL, "password": NEW, "device_token": device}, codes[1])


def sign_in_with_a_code(browser, credentials, totp):
    """A code works once."""
    first = browser.post("/login", credentials)
    assert (first["mfa_required"], first["methods"]) == (True, ["totp"])
    code = {"mfa_token": first["mfa_token"], "method": "totp", "code": totp.now()}
    tokens = browser.post("/mfa/verify", code)
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    browser.post("/mfa/verify", code, status=401)
    return tokens


def go_on(browser, tokens):
    """With another refresh token each time, and an access token that opens the platform."""
    tokens = browser.post("/refresh", {"refresh_token": tokens["refresh_token"]})
    access = tokens["access_token"]
    address = f"{browser.platform.demo['base_url']}/v1/psps"
    assert httpx2.get(address, headers=bearer(access), trust_env=False, timeout=30).status_code == 200
    (held,) = tokens["memberships"]
    browser.post("/switch", {"membership_id": held["membership_id"]}, token=access)
    return tokens


def end_a_session_elsewhere(browser, credentials, code, access):
    """The owner is told of a new device, sees its session and ends it within five seconds."""
    second = browser.post("/login", credentials)
    assert second["methods"] == ["totp", "recovery"]
    proof = {"mfa_token": second["mfa_token"], "method": "recovery", "code": code}
    stranger = browser.post("/mfa/verify", proof)
    assert mailed(browser.platform, "New sign-in to your account", r"From: (\S+)")
    listed = browser.get("/sessions", token=access)["data"]
    assert [row["current"] for row in listed] == [False, True]
    browser.delete(f"/sessions/{stranger['session_id']}", token=access)
    until(
        lambda: browser.http.get("/sessions", headers=bearer(stranger["access_token"])).status_code == 401,
        timeout_s=5,
    )
    browser.post("/refresh", {"refresh_token": stranger["refresh_token"]}, status=401)


def choose_a_new_password(browser, credentials):
    """By mail, once; the former one is worth nothing then. Asking tells nobody who has an account."""
    of_nobody = browser.post("/password/reset", {"email": "nobody@example.com"})
    assert browser.post("/password/reset", {"email": EMAIL}) == of_nobody
    reset = {"reset_token": mailed(browser.platform, "Choose a new password", r"pr_\S+")}
    browser.post("/password/reset/confirm", reset | {"new_password": "password1234"}, status=400)
    device = browser.post("/password/reset/confirm", reset | {"new_password": NEW})["device_token"]
    browser.post("/password/reset/confirm", reset | {"new_password": f"{NEW} 2"}, status=401)
    browser.post("/login", credentials, status=401)
    return device


def leave(browser, credentials, code):
    """In a last time, from a device that is known, and out."""
    third = browser.post("/login", credentials)
    proof = {"mfa_token": third["mfa_token"], "method": "recovery", "code": code}
    last = browser.post("/mfa/verify", proof)
    assert "device_token" not in last
    browser.post("/logout", token=last["access_token"])
    browser.post("/refresh", {"refresh_token": last["refresh_token"]}, status=401)
