"""Pages for operations: is the process alive, can it serve, and what does it count.

`livez` touches nothing: restarting a process never repairs a database. `readyz` names what is missing. A context's
database is required; Redis and a prompt relay are not, because sales go on without them, so their absence is
reported as degraded with status 200.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import orjson
from django.conf import settings
from django.db import DatabaseError, connections
from django.db.utils import ProgrammingError
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from kernel import clock, handlers
from kernel import metrics as figures
from kernel.db import ContextDb
from kernel.logs import get_logger
from kernel.observations import OUTBOX_LAG, SCOPE, Observation, render
from kernel.redis_client import redis_client
from kernel.rest.problems import read_only

RELAY_LAG_LIMIT_S = 30.0
RETRY_AFTER_S = 5
logger = get_logger(__name__)


class Finding(NamedTuple):
    """One thing that is not as it should be, in words that show no address and no credential."""

    required: bool
    what: str


@read_only
def livez(_request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return _json({"status": "alive"}, status=200)


@read_only
def readyz(_request: HttpRequest) -> HttpResponse:
    """200 when requests can be served, else 503; the body lists what is missing and what is degraded."""
    found = findings()
    missing = [finding.what for finding in found if finding.required]
    degraded = [finding.what for finding in found if not finding.required]
    status = "not_ready" if missing else "degraded" if degraded else "ready"
    response = _json(
        {"status": status, "missing": missing, "degraded": degraded}, status=503 if missing else 200
    )
    if missing:
        response["Retry-After"] = str(RETRY_AFTER_S)
        logger.warning("not ready", missing=missing, degraded=degraded)
    return response


@read_only
def metrics(_request: HttpRequest) -> HttpResponse:
    """Figures in the Prometheus text format: what was counted here, and what the databases say now."""
    observations: Sequence[Observation] = import_string(settings.MPAC_OBSERVATIONS)()
    measured = render(observations, now=clock.now())
    return HttpResponse(figures.render() + measured, content_type=figures.CONTENT_TYPE)


def findings() -> Sequence[Finding]:
    """Everything that is missing or degraded; all contexts are asked at once, so one dead server costs one timeout."""
    contexts = settings.MPAC_CONTEXTS
    with ThreadPoolExecutor(max_workers=len(contexts)) as threads:
        answers = threads.map(_database, contexts.keys(), contexts.values())
        return [finding for finding in (*answers, _redis()) if finding]


def _database(name: str, alias: str) -> Finding | None:
    db = ContextDb(name, alias=alias)
    try:
        with db.atomic(SCOPE):
            lag = db.execute(OUTBOX_LAG, {"now": clock.now(), "types": handlers.handled_types()})[0][0]
    except ProgrammingError:
        return Finding(required=True, what=f"database {name}: not migrated")
    except (DatabaseError, PoolTimeout):
        return Finding(required=True, what=f"database {name}: unreachable")
    finally:
        connections[alias].close()
    if lag > RELAY_LAG_LIMIT_S:
        return Finding(required=False, what=f"relay: the oldest event of {name} has waited for {int(lag)} s")
    return None


def _redis() -> Finding | None:
    try:
        redis_client().ping()
    except (RedisError, OSError):
        return Finding(required=False, what="redis: unreachable")
    return None


def _json(body: dict[str, object], *, status: int) -> HttpResponse:
    response = HttpResponse(orjson.dumps(body), content_type="application/json", status=status)
    response["Cache-Control"] = "no-store"
    return response
