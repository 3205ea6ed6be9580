"""A rollout under way, for terminals that ask what to install: half of them are offered a release, half wait for their wave."""

import json
import uuid
from typing import Any

import psycopg

from bench.load import Wrong
from bench.wire import Connection
from kernel import ids

PACKAGE = "com.mpac.pos"
OLD, NEW = 240, 242
SOAK_S = 30 * 86_400
# What a terminal says that can install it now.
QUESTION = (
    f"/v1/devices/me/updates?installed={PACKAGE}@{OLD}&sdk=30&battery_percent=80&charging=true&wifi=true"
)
APP = """
    INSERT INTO portal.apps (id, psp_id, livemode, created_at, package, name, channels, signers, version_code, updated_at)
    VALUES (%s, %s, false, now(), %s, 'Till', '["stable", "beta"]', '[]', %s, now())
    ON CONFLICT DO NOTHING RETURNING id
"""
RELEASE = """
    INSERT INTO portal.app_releases (id, psp_id, livemode, created_at, app_id, version_code, version_name, min_sdk,
        signature_scheme, signers, sha256, size_bytes, notes, uploaded_by)
    VALUES (%s, %s, false, now(), %s, %s, '2.4.2', 24, 2, '[]', repeat('0', 64), 30000000, 'Faster', 'bench')
"""


async def begin_rollout(demo: dict[str, Any], admin_url: str) -> None:
    """Start it, unless an earlier run on this platform has. The release has no file; nobody downloads it. Raises Wrong."""
    psp_id, release_id = demo["psp"]["id"], ids.uuid7()
    with psycopg.connect(admin_url) as admin:
        made: tuple[uuid.UUID] | None = admin.execute(APP, [ids.uuid7(), psp_id, PACKAGE, NEW]).fetchone()
        if made is None:
            return
        admin.execute(RELEASE, [release_id, psp_id, made[0], NEW])
    wish = {
        "release_id": ids.encode("rel", release_id),
        "window": "any",
        "waves": [{"basis_points": 5000, "soak_s": SOAK_S}, {"basis_points": 10_000}],
    }
    connection = Connection(demo["base_url"])
    key = f"Authorization: Bearer {demo['psp']['api_key']}\r\n".encode()
    status, answer = await connection.call("POST", "/v1/rollouts", json.dumps(wish).encode(), key)
    connection.close()
    if status != 201:
        raise Wrong(f"rollout: {status} {answer[:160].decode(errors='replace')}")
