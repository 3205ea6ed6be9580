"""The whole life of a release: uploaded, proved, rolled out in waves, installed, halted because it breaks, and mended."""

import datetime as dt
from urllib.parse import urlsplit

import time_machine

from kernel import clock, jobs
from mpac.portal.db import db as portal_db
from mpac.portal.domain.rollouts import bucket_of
from mpac.portal.models import Rollout
from mpac.portal.services.tokens import exchange_assertion
from mpac.smarttab.db import db as smarttab_db
from tests.delivery import deliver_all
from tests.portal.apks import PACKAGE, SIGNER, apk
from tests.portal.factories import SEED, make_api_key, make_tenant, make_terminal

JSON, APK = "application/json", "application/vnd.android.package-archive"
FLEET = 6


class Till:
    """A terminal that updates itself as terminals should."""

    def __init__(self, http, terminal):
        self.http, self.terminal, self.version, self.seen = http, terminal, 0, 0

    def call(self, method, path, body=None):
        token = exchange_assertion(assertion=self.terminal.assertion(), scope=None, now=clock.now())
        headers = {"Authorization": f"Bearer {token.access_token}"}
        more = {} if body is None else {"data": body, "content_type": JSON}
        answer = getattr(self.http, method)(path, **more, headers=headers)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def ask(self, **more):
        said = {"installed": f"{PACKAGE}@{self.version}", "sdk": 30, "battery_percent": 90} | more
        query = "&".join(f"{name}={value}" for name, value in said.items())
        return self.call("get", f"/v1/devices/me/updates?{query}")

    def report(self, update, status, **more):
        return self.call("post", f"/v1/devices/me/updates/{update['id']}/result", {"status": status} | more)

    def install(self, update):
        """Download in two parts, as after a lost connection, and install."""
        first = fetch(self.http, update, Range="bytes=0-999")
        rest = fetch(self.http, update, Range="bytes=1000-", **{"If-Range": f'"{update["sha256"]}"'})
        assert (first.status_code, rest.status_code) == (206, 206)
        self.report(update, "downloaded")
        self.report(update, "installing")
        self.report(update, "installed")
        self.version = update["version_code"]
        return body(first) + body(rest)

    def news(self):
        """What the terminal's log says that it has not seen yet."""
        found = self.call("get", f"/v1/devices/me/events?after={self.seen}")["data"]
        self.seen += len(found)
        return [each["event"]["type"] for each in found]


def fetch(http, update, **headers):
    address = urlsplit(update["url"])
    return http.get(f"{address.path}?{address.query}", headers=headers)


def body(answer):
    found = b"".join(answer.streaming_content)
    answer.close()
    return found


class Story:
    """A provider's server and its fleet, at a time that passes when it is told to."""

    def __init__(self, http, time):
        self.http, self.time = http, time
        tenant = make_tenant()
        self.partner = {"Authorization": f"Bearer {make_api_key(tenant.psp)}"}
        self.tills = [Till(http, make_terminal(tenant.store)) for _ in range(FLEET)]
        self.app = self.make("/v1/apps", {"package": PACKAGE, "name": "Till", "signers": [SIGNER]})

    def make(self, path, data, content_type=JSON):
        answer = self.http.post(path, data, content_type=content_type, headers=self.partner)
        assert answer.status_code in {200, 201}, answer.content
        return answer.json()

    def read(self, path):
        return self.http.get(path, headers=self.partner).json()

    def roll_out(self, name, **wish):
        release = self.make(f"/v1/apps/{self.app['id']}/releases", apk(name), APK)
        gate = {"min_sample": 2, "max_failure_bp": 3000}
        return self.make("/v1/rollouts", {"release_id": release["id"], "window": "any", "gate": gate} | wish)

    def wait(self, **more):
        """Let time pass, and the platform do what falls due."""
        self.time.shift(dt.timedelta(**more))
        jobs.run_slot("portal.advance_rollouts", now=clock.now())
        deliver_all([portal_db, smarttab_db])

    def early(self, share):
        with portal_db.atomic(SEED):
            salt = Rollout.objects.latest("created_at").salt
        return [till for till in self.tills if bucket_of(salt, till.terminal.device_id) < share]


def test_from_its_upload_to_the_next_version(database, api):
    with time_machine.travel(clock.now(), tick=False) as time:
        story = Story(api, time)
        assert story.tills[0].ask()["data"] == []
        first = in_two_waves(story)
        one_that_breaks(story)
        one_that_mends_it(story, first)


def in_two_waves(story):
    """Half of the terminals first, each told when its wave comes."""
    waves = [{"basis_points": 5000, "soak_s": 3600}, {"basis_points": 10_000, "soak_s": 3600}]
    rollout = story.roll_out("v2", waves=waves)
    path = f"/v1/rollouts/{rollout['id']}"
    early = story.early(5000)
    late = [till for till in story.tills if till not in early]
    story.wait(seconds=20)
    for till in early:
        assert till.news() == ["update.available"]
        assert till.install(till.ask()["data"][0]) == apk("v2")
        assert till.ask()["held"][0]["reason"] == "up_to_date"
    for till in late:
        assert till.news() == []
        assert till.ask()["held"] == [{"package": PACKAGE, "version_code": None, "reason": "wave"}]
    assert story.read(path)["health"]["installed"] == len(early)
    story.wait(hours=1)
    story.wait(seconds=20)
    assert story.read(path)["wave"] == 1
    for till in late:
        assert till.news() == ["update.available"]
        till.install(till.ask()["data"][0])
    story.wait(hours=1)
    assert story.read(path)["status"] == "completed"
    return path


def one_that_breaks(story):
    """It cannot be installed, so it stops by itself, and nobody is led back."""
    rollout = story.roll_out("v3")
    for number, till in enumerate(story.tills[:3]):
        (update,) = till.ask(asked="true")["data"]
        till.report(update, "downloaded")
        till.report(update, "failed" if number else "installed", code="INSTALL_FAILED")
    story.wait(seconds=20)
    halted = story.read(f"/v1/rollouts/{rollout['id']}")
    assert (halted["status"], halted["reason"]) == ("halted", "install_failures")
    assert halted["health"] | {"installed": 1, "failed": 2} == halted["health"]
    for till in story.tills:
        assert till.ask()["data"] == []
    path = f"/v1/rollouts/{rollout['id']}/resume"
    answer = story.http.post(path, {}, content_type=JSON, headers=story.partner)
    assert (answer.status_code, answer.json()["allowed"]) == (409, [])


def one_that_mends_it(story, first):
    """The next version goes to all at once, and takes the place of the first."""
    rollout = story.roll_out("v2-v3", waves=[{"basis_points": 1}, {"basis_points": 10_000}])
    story.make(f"/v1/rollouts/{rollout['id']}/complete", {"reason": "mends"})
    assert story.read(first)["status"] == "superseded"
    for till in story.tills:
        assert till.install(till.ask()["data"][0]) == apk("v2-v3")
    progress = story.read(f"/v1/rollouts/{rollout['id']}/devices?status=installed")["data"]
    assert {each["device_id"] for each in progress} == {till.terminal.client_id for till in story.tills}
