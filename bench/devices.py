"""A fleet to measure with: terminals by COPY, and many of them at one connection.

All have the same key, which a bench knows: what is measured is the platform's work, not the making of keys.
"""

import itertools
import json
import random
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import psycopg
from joserfc import jwt
from joserfc.jwk import ECKey

from bench.bar import Bar
from bench.load import Result, Wrong, drive
from bench.report import Report, Target
from bench.rollout import PACKAGE, QUESTION, begin_rollout
from bench.wire import Connection
from kernel import ids

BLOCK = 5_000
SMALL, LARGE = 1_000, 100_000
P99_CEILING_MS = 100.0
TOKENS_PER_S = 600.0
RATIO_CEILING = 1.2
# Prepared assertions, more than any machine spends.
ASSERTIONS_PER_S = 1_500
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
COLUMNS = (
    "id, psp_id, merchant_id, store_id, created_at, name, model, serial_number, status, livemode, public_jwk, key_id,"
    " activation_code_hash, activation_attempts, activated_at, labels, updated_at"
)
REPORTED = (
    "device_id, psp_id, merchant_id, store_id, received_at, sampled_at, app_version, os_version, printer, network,"
    " report"
)
REPORT = {
    "model": "A920",
    "os": {"name": "Android", "version": "10"},
    "app": {"package": "com.mpac.pos", "version": "2.4.1", "version_code": 241},
    "battery": {"percent": 80, "charging": True},
    "printer": {"status": "ok"},
    "network": {"type": "wifi", "signal_dbm": -60},
    "position": {"latitude": 13.75, "longitude": 100.5, "accuracy_m": 20.0},
    "storage": {"free_bytes": 10_000_000_000},
    "unsent": {"records": 0, "last_sequence": 77},
}

# What a terminal calls again and again: method, path and body, and what the answer names.
Call = tuple[str, str, bytes, bytes]
HEARTBEAT: Call = ("POST", "/v1/devices/me/heartbeat", json.dumps(REPORT).encode(), b"heartbeat")
CONFIG: Call = ("GET", "/v1/devices/me/config?explain=true", b"", b"updates.channel")
UPDATES: Call = ("GET", QUESTION, b"", PACKAGE.encode())


@dataclass(frozen=True)
class Fleet:
    """The terminals that there are, and the key of them all."""

    devices: Sequence[str]
    key: ECKey
    kid: str
    issuer: str

    def assertion(self, device: str) -> bytes:
        """The form that asks for a token of a terminal."""
        now_s = int(time.time())
        claims = {
            "iss": device,
            "sub": device,
            "aud": self.issuer,
            "iat": now_s,
            "exp": now_s + 600,
            "jti": uuid.uuid4().hex,
        }
        signed = jwt.encode({"alg": "ES256", "kid": self.kid}, claims, self.key, algorithms=["ES256"])
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
        return urlencode(form | {"client_assertion": signed}).encode()


def seed(admin_url: str, demo: dict[str, Any], *, count: int, key: ECKey) -> list[str]:
    """Fill the demo's store up to `count` terminals with this key; returns the names of all of them."""
    with psycopg.connect(admin_url) as admin:
        query = "SELECT id FROM portal.devices WHERE key_id = %s"
        have = [row[0] for row in admin.execute(query, [key.thumbprint()])]
        missing, bar = count - len(have), Bar("devices", max(count, 1))
        place = admin.execute(
            "SELECT psp_id, merchant_id, id FROM portal.stores WHERE id = %s", [demo["store_id"]]
        ).fetchone()
        assert place is not None
        for begins in range(0, missing, BLOCK):
            made = [ids.uuid7() for _ in range(min(BLOCK, missing - begins))]
            with admin.cursor().copy(f"COPY portal.devices ({COLUMNS}) FROM STDIN") as copy:
                for device_id in made:
                    copy.write_row(_row(device_id, place, key))
            with admin.cursor().copy(f"COPY portal.device_reports ({REPORTED}) FROM STDIN") as copy:
                for device_id in made:
                    copy.write_row(_report_row(device_id, place))
            admin.commit()
            have += made
            bar.show(len(have))
        admin.commit()
        admin.autocommit = True
        admin.execute("VACUUM ANALYZE portal.devices, portal.device_reports")
    return [ids.encode("dev", device_id) for device_id in have[:count]]


async def measure(
    demo: dict[str, Any],
    admin_url: str,
    report: Report,
    *,
    large: int,
    seconds: float,
    warm_up_s: float,
    connections: int,
) -> list[Result]:
    """Tokens, heartbeats, settings and update checks of a small fleet, then of a large one, and what that costs more."""
    key = ECKey.generate_key("P-256", private=True)
    found: dict[str, list[Result]] = {}
    await begin_rollout(demo, admin_url)
    for count in (SMALL, large):
        devices = seed(admin_url, demo, count=count, key=key)
        fleet = Fleet(devices, key, key.thumbprint(), demo["issuer"])
        for name, works in (
            ("token", token_works(fleet, demo, connections=connections, seconds=seconds + warm_up_s)),
            ("heartbeat", await own_works(fleet, demo, HEARTBEAT, connections=connections)),
            ("settings", await own_works(fleet, demo, CONFIG, connections=connections)),
            ("update check", await own_works(fleet, demo, UPDATES, connections=connections)),
        ):
            result = Result(f"{name}, {count:,} devices")
            await drive(result, works, seconds=seconds, warm_up_s=warm_up_s)
            p99_ms = result.percentile(99) * 1000
            targets = [Target(f"p99 < {P99_CEILING_MS:.0f} ms", 0 < p99_ms < P99_CEILING_MS)]
            if name == "token":
                targets.append(Target(f"at least {TOKENS_PER_S:.0f}/s", result.rate >= TOKENS_PER_S))
            report.result(result, *targets)
            found.setdefault(name, []).append(result)
    for name, (few, many) in found.items():
        ratio = few.rate / many.rate if many.rate else float("inf")
        holds = ratio <= RATIO_CEILING
        report.figure(f"{name}, large / small", f"{ratio:.3f}", Target(f"at most {RATIO_CEILING}", holds))
    return [result for results in found.values() for result in results]


def token_works(fleet: Fleet, demo: dict[str, Any], *, connections: int, seconds: float) -> list[Any]:
    """One work a connection; each asks for tokens of terminals drawn from the whole fleet."""
    drawn = random.choices(fleet.devices, k=int(ASSERTIONS_PER_S * seconds))
    forms = itertools.cycle([fleet.assertion(device) for device in drawn])
    return [_token_work(Connection(demo["base_url"], head=FORM), forms) for _ in range(connections)]


async def own_works(fleet: Fleet, demo: dict[str, Any], call: Call, *, connections: int) -> list[Any]:
    """One work a connection, each the same call of some terminals in turn."""
    works = []
    for _ in range(connections):
        asking = Connection(demo["base_url"], head=FORM)
        tokens = [
            await _token(asking, fleet.assertion(device)) for device in random.sample(fleet.devices, 20)
        ]
        asking.close()
        works.append(_own_work(Connection(demo["base_url"]), itertools.cycle(tokens), call))
    return works


def _token_work(connection: Connection, forms: Iterator[bytes]) -> Any:
    async def work() -> None:
        await _token(connection, next(forms))

    return work


def _own_work(connection: Connection, tokens: Iterator[str], call: Call) -> Any:
    method, path, body, named = call

    async def work() -> None:
        headers = f"Authorization: Bearer {next(tokens)}\r\n".encode()
        status, answer = await connection.call(method, path, body, headers)
        if status != 200 or named not in answer:
            raise Wrong(f"{method} {path}: {status} {answer[:120].decode(errors='replace')}")

    return work


async def _token(connection: Connection, form: bytes) -> str:
    status, answer = await connection.call("POST", "/v1/auth/token", form)
    if status != 200:
        raise Wrong(f"token: {status} {answer[:160].decode(errors='replace')}")
    return str(json.loads(answer)["access_token"])


def _row(device_id: uuid.UUID, place: Sequence[Any], key: ECKey) -> tuple[Any, ...]:
    now = ids.created_at_of(device_id)
    name = f"BENCH-{device_id.hex[-12:]}"
    jwk = {**key.as_dict(private=False), "kid": key.thumbprint()}
    return (
        *(device_id, *place, now, name, "A920", name, "active", False),
        *(json.dumps(jwk), key.thumbprint(), "", 0, now, "{}", now),
    )


def _report_row(device_id: uuid.UUID, place: Sequence[Any]) -> tuple[Any, ...]:
    at = ids.created_at_of(device_id)
    return (device_id, *place, at, at, "2.4.0", "10", "ok", "wifi", json.dumps(REPORT))
