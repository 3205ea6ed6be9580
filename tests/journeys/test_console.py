"""A person before the console, from the first page to the last."""

import re
import secrets

import httpx2
import pyotp
import pytest

from tests.browser import Reader, open_browser
from tests.journeys.conftest import until
from tests.journeys.test_signing_in import mailed

PASSWORD = "a wholly new sentence"


@pytest.fixture
def browser():
    opened = open_browser()
    yield opened
    opened.close()


@pytest.fixture
def operator(platform):
    """Somebody new who runs the platform: e-mail address, password and a second factor."""
    address = f"{secrets.token_hex(4)}@mpac.example"
    told = platform.manage("create_operator", address, "--name", "Browser").stdout
    return dict(re.findall(r"^(e-mail|password|second factor) +(\S+)$", told, re.MULTILINE))


def sign_in(browser, console, operator):
    browser.visit(f"{console}/")
    browser.fill(
        username=operator["e-mail"],
        password=operator["password"],
        otp_token=pyotp.TOTP(operator["second factor"]).now(),
    )
    browser.press("Sign in")


def test_signs_in_changes_a_store_and_hands_out_a_key_that_works_until_it_is_withdrawn(
    platform, browser, operator
):
    demo = platform.demo
    console = f"{demo['base_url']}/admin"
    sign_in(browser, console, operator)
    assert "Payment intents" in browser.text

    browser.visit(f"{console}/portal/store/{demo['store_id']}/change/")
    browser.press("Change")
    browser.fill(name="Browsed Store", business_day_starts_at="04:30")
    browser.press("Change")
    assert "Saved; version" in browser.text
    assert "Browsed Store" in browser.text

    browser.visit(f"{console}/portal/apikey/issue/")
    browser.fill(psp_id=str(demo["psp"]["id"]), name="browsed", mode="test", scopes="hierarchy:read")
    browser.press("Issue a key")
    secret = re.search(r"sk_test_\w+", browser.text)[0]
    own = {"Authorization": f"Bearer {secret}"}
    address = f"{demo['base_url']}/v1/stores/{demo['store_id']}"
    with httpx2.Client(trust_env=False) as http:
        assert http.get(address, headers=own).json()["name"] == "Browsed Store"
        browser.press("Done")
        assert secret not in browser.text
        browser.press("browsed")
        browser.press("Withdraw it")
        browser.press("Withdraw it")
        assert "refused everywhere within seconds" in browser.text
        until(lambda: http.get(address, headers=own).status_code == 401, timeout_s=10)

    browser.press("Log out")
    browser.visit(f"{console}/portal/store/")
    assert "One-time code" in browser.text


def test_invites_somebody_who_comes_in_by_the_link_of_the_mail(platform, browser, operator):
    demo = platform.demo
    console = f"{demo['base_url']}/admin"
    sign_in(browser, console, operator)
    browser.visit(f"{console}/portal/invitation/invite/")
    browser.fill(email="guest@mpac.example", role="psp_admin", psp_id=str(demo["psp"]["id"]))
    browser.press("Invite somebody")
    assert "An invitation is on its way to guest@mpac.example" in browser.text
    browser.press("Log out")

    link = mailed(platform, "You are invited to MPAC", r"http\S+#inv_\S+", to="guest@mpac.example")
    browser.visit(link)
    if isinstance(browser, Reader):  # it runs no scripts
        browser.fill(secret=link.partition("#")[2])
    browser.fill(full_name="Guest", password="password1234")
    browser.press("Accept")
    assert "known from leaks" in browser.text
    browser.fill(password=PASSWORD)
    browser.press("Accept")
    browser.press("Sign in")
    browser.fill(username="guest@mpac.example", password=PASSWORD)
    browser.press("Sign in")
    browser.press("Set one up")
    key = re.search(r"\b[A-Z2-7]{32}\b", browser.text)[0]
    browser.fill(code=pyotp.TOTP(key).now())
    browser.press("Sign in")
    assert len(re.findall(r"\b\w{5}-\w{5}\b", browser.text)) == 10
    browser.press("I have kept them")
    assert f"PSP {demo['psp']['id']}" in browser.text
