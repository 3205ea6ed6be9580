"""The whole life of a terminal..."""

import csv
import io
import time
import uuid

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from simulator.terminal.client import Terminal
from simulator.terminal.errors import Refused
from tests.journeys.conftest import until

KILLED_WITHIN_S = 5.0


class Office:
    """The PSP's server, which steers its fleet."""

    def __init__(self, platform):
        self.demo = platform.demo
        headers = {"Authorization": f"Bearer {self.demo['psp']['api_key']}"}
        self.http = httpx2.Client(
            base_url=self.demo["base_url"], headers=headers, timeout=30, trust_env=False
        )

    def get(self, path):
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path, body, *, status=200):
        answer = self.http.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def activate(self, code, serial_number):
        """Be the terminal that has just been unpacked; returns what a demo file says about one."""
        key = ECKey.generate_key("P-256", {"kid": uuid.uuid4().hex})
        now = int(time.time())
        proof = jwt.encode(
            {"alg": "ES256", "kid": key.kid},
            {
                "iss": serial_number,
                "sub": serial_number,
                "aud": self.demo["issuer"],
                "iat": now,
                "exp": now + 120,
                "jti": uuid.uuid4().hex,
            },
            key,
        )
        body = {"activation_code": code, "public_jwk": key.as_dict(private=False), "proof": proof}
        done = httpx2.post(
            f"{self.demo['base_url']}/v1/devices/activate", json=body, timeout=30, trust_env=False
        )
        assert done.status_code == 200, done.text
        device = done.json() | {"private_jwk": key.as_dict(private=True)}
        return self.demo | {"device": device}


@pytest.fixture
def office(platform):
    found = Office(platform)
    yield found
    found.http.close()


def refused(terminal):
    """Whether the platform answers this token with 401; how it answers others, fails."""
    answer = terminal.request("GET", "/v1/devices/me")
    assert answer.status_code in {200, 401}, answer.text
    return answer.status_code == 401


def hear_out(pushes):
    """Take every push until the platform hangs up and lets nobody in any more; returns when it stays quiet instead."""
    while pushes.next(timeout_s=KILLED_WITHIN_S):
        pass


def list_terminals(office, serial):
    """Put an announced terminal and another one into the demo's store, by a list; returns what became of each row."""
    path, headers = f"/v1/stores/{office.demo['store_id']}/devices/imports", {"Content-Type": "text/csv"}
    content = f"serial_number,name,labels\n{serial},Till 7,lane:7\n{serial}-B,Till 8,\n"
    listed = office.http.post(path, content=content.encode(), headers=headers).json()
    assert (listed["status"], listed["rows_total"]) == ("checked", 2)
    path = f"/v1/device-imports/{listed['id']}"
    office.post(f"{path}/start", {})
    until(lambda: office.get(path)["status"] == "done", timeout_s=60)
    return [row["result"] for row in csv.DictReader(io.StringIO(office.http.get(f"{path}/report").text))]


def work_and_rest(office, demo, device):
    """Say how it is, be suspended for a while, and go on."""
    with Terminal(demo) as terminal:
        body = {"battery": {"percent": 90}, "unsent": {"records": 2, "last_sequence": 9}}
        beat = terminal.request("POST", "/v1/devices/me/heartbeat", body=body)
        assert beat.status_code == 200, beat.text
        seen = office.get(device)
        assert (seen["online"], seen["labels"], seen["name"]) == (True, {"lane": "7"}, "Till 7")
        office.post(f"{device}/suspend", {"reason": "stock-taking"})
        until(lambda: refused(terminal), timeout_s=KILLED_WITHIN_S)
        office.post(f"{device}/resume", {})
        terminal.tokens.renew()


def begun_at_the_gateway(terminal):
    """A code to pay that the terminal has shown on its own, without a bill; returns the path of its intent."""
    wish = {name: terminal.demo[name] for name in ("merchant_id", "store_id")}
    wish |= {"amount": 5000, "currency": "THB", "method": "qr_code", "confirm": True}
    return f"/v1/payment-intents/{terminal.post('/v1/payment-intents', wish)['id']}"


def be_stolen(office, demo):
    """Be killed while somebody pays: five seconds later nothing that the terminal knows is worth anything."""
    with Terminal(demo) as terminal, terminal.pushes() as pushes:
        pushes.open()
        payment = terminal.pay_qr(terminal.open_bill())
        terminal.wait_for_qr(payment)
        intent = begun_at_the_gateway(terminal)
        assert office.get(intent)["status"] == "requires_action"
        kill = office.post(f"/v1/devices/{demo['device']['device_id']}/kill", {"reason": "stolen"})
        assert (kill["device"]["status"], kill["offline_allowance"]) == ("revoked", 0)
        until(lambda: refused(terminal), timeout_s=KILLED_WITHIN_S)
        with pytest.raises(Refused):
            terminal.tokens.renew()
        with pytest.raises(Refused):
            hear_out(pushes)
    for path in (f"/v1/payments/{payment['id']}", intent):
        until(lambda path=path: office.get(path)["status"] == "cancelled", timeout_s=30)


def test_leads_from_its_vendors_list_to_the_thief(office):
    serial = f"SN-{uuid.uuid4().hex[:12]}"
    announced = office.post("/v1/device-preregistrations", {"serial_number": serial}, status=201)
    demo = office.activate(announced["activation_code"], serial)
    assert list_terminals(office, serial) == ["active", "registered"]
    device = f"/v1/devices/{announced['id']}"
    work_and_rest(office, demo, device)
    new = office.post(f"{device}/replace", {"serial_number": f"{serial}-C"}, status=201)
    assert (new["replaces"], new["labels"], new["name"]) == (announced["id"], {"lane": "7"}, "Till 7")
    be_stolen(office, office.activate(new["activation_code"], f"{serial}-C"))
    assert office.get(f"/v1/devices?q={serial}&status=active")["data"] == []
