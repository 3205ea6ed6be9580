"""Throw-away servers for a test run: one PostgreSQL and one Valkey, a migrated template database, a clone per worker.

The controller starts them before Django reads its settings; xdist workers inherit their addresses. Tests connect with
the runtime roles, never as superuser or owner. With DATABASE_URL set nothing is started.
"""

import base64
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from config.local.embedded import Embedded

TEMPLATE = "mpac_template"
CONTEXTS = ("portal", "audit", "pgw", "smarttab", "sync")
ROOT = Path(__file__).parent.parent


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config):
    if not os.environ.get("DATABASE_URL"):
        start(early_config)
    return (yield)


def start(config) -> None:
    """Start the servers and migrate the template database."""
    servers = Embedded(None, durable=False, dbname=TEMPLATE).start()
    config.add_cleanup(servers.stop)
    os.environ |= environment(servers)
    for command in ("bootstrap_db", "migrate_all"):
        done = subprocess.run(
            [sys.executable, "manage.py", command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise pytest.UsageError(f"manage.py {command} failed:\n{done.stdout}{done.stderr[-4000:]}")


def environment(servers: Embedded) -> dict[str, str]:
    """The variables of a test run; every secret is made for this run."""
    variables = {
        "DATABASE_URL": servers.database_url,
        "MPAC_ADMIN_DATABASE_URL": servers.admin_url,
        "REDIS_URL": servers.redis_url,
        "SECRET_KEY": secrets.token_hex(32),
        "MPAC_KEKS": "test:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "MPAC_SERVICE_KEYS": json.dumps({"svc-test": [secrets.token_hex(32), secrets.token_hex(32)]}),
        "MPAC_SCB_BASE_URL": "http://127.0.0.1:9/scb",
        "MPAC_DB_POOL": "false",
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
    }
    for context in CONTEXTS:
        variables[f"MPAC_DB_PASSWORD_{context.upper()}"] = secrets.token_hex(8)
        variables[f"MPAC_DB_OWNER_PASSWORD_{context.upper()}"] = secrets.token_hex(8)
    return variables


def admin_connection(dbname: str) -> psycopg.Connection:
    """A superuser connection to another database of the run's server, for cloning and cleaning."""
    return psycopg.connect(os.environ["MPAC_ADMIN_DATABASE_URL"], dbname=dbname, autocommit=True)
