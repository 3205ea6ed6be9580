"""The only reader of the process environment. Every setting that an operator can change is declared here once.

Secrets have no defaults: a process without them refuses to start and names the variable that is missing.
"""

import base64
import binascii
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()

KEK_BYTES = 32
SECRET_LENGTH = 16
AMOUNT_LIMITS = {"THB": [1, 200_000_000], "JPY": [1, 100_000_000]}


def key_encryption_keys() -> dict[str, bytes]:
    """`MPAC_KEKS="kid:base64,older:base64"`; the first key encrypts, all decrypt."""
    keys: dict[str, bytes] = {}
    for entry in env.list("MPAC_KEKS"):
        kid, _, encoded = entry.partition(":")
        try:
            keys[kid] = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            msg = f"MPAC_KEKS: key {kid!r} is not base64"
            raise ImproperlyConfigured(msg) from None
        if len(keys[kid]) != KEK_BYTES:
            msg = f"MPAC_KEKS: key {kid!r} must be {KEK_BYTES} bytes"
            raise ImproperlyConfigured(msg)
    return keys


def service_keys() -> dict[str, list[str]]:
    """`MPAC_SERVICE_KEYS='{"key id": ["secret", "previous secret"]}'` for signed service calls."""
    keys: dict[str, list[str]] = env.json("MPAC_SERVICE_KEYS", default={})
    for key_id, secrets in keys.items():
        # A bare text would be taken for a list of one-letter secrets, which anybody can guess.
        if not isinstance(secrets, list) or not all(
            isinstance(secret, str) and len(secret) >= SECRET_LENGTH for secret in secrets
        ):
            msg = f"MPAC_SERVICE_KEYS: key {key_id!r} needs a list of secrets of {SECRET_LENGTH} characters or more"
            raise ImproperlyConfigured(msg)
    return keys


def amount_limits() -> dict[str, tuple[int, int]]:
    """`MPAC_AMOUNT_LIMITS='{"THB": [1, 200000000], "THB/qr_code": [100, 15000000]}'`: least and most in minor units.

    A currency with a method goes before the currency alone.
    """
    limits: dict[str, tuple[int, int]] = {}
    for name, found in env.json("MPAC_AMOUNT_LIMITS", default=AMOUNT_LIMITS).items():
        if not (
            isinstance(found, list)
            and [type(value) for value in found] == [int, int]
            and 1 <= found[0] <= found[1]
        ):
            msg = f"MPAC_AMOUNT_LIMITS: {name!r} needs the least and the most amount in minor units"
            raise ImproperlyConfigured(msg)
        limits[name] = (found[0], found[1])
    return limits


def database(context: str) -> dict[str, Any]:
    """Django's database settings for one context; `<CONTEXT>_DATABASE_URL` moves it to a server of its own."""
    name = context.upper()
    url = urlsplit(env.str(f"{name}_DATABASE_URL", default="") or env.str("DATABASE_URL"))
    host = unquote(url.netloc.rpartition("@")[2].partition(":")[0])
    query = parse_qs(url.query)
    if "host" in query:
        host = query.pop("host")[-1]
    options: dict[str, Any] = {
        "application_name": f"mpac-{context}",
        "options": f"-c search_path={context} -c statement_timeout=15s -c lock_timeout=5s"
        " -c idle_in_transaction_session_timeout=30s -c timezone=UTC",
        **{key: values[-1] for key, values in query.items()},
    }
    if env.bool("MPAC_DB_POOL", default=True):
        options["pool"] = {
            "min_size": 1,
            "max_size": env.int("MPAC_DB_POOL_MAX", default=8),
            "timeout": 5,
            "max_lifetime": 1800,
            "max_idle": 120,
        }
    return {
        "ENGINE": "kernel.postgresql",
        "NAME": url.path.lstrip("/"),
        "HOST": host,
        "PORT": url.port or "",
        "USER": f"mpac_{context}",
        "PASSWORD": env.str(f"MPAC_DB_PASSWORD_{name}"),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": options,
        "TEST": {"MIGRATE": False},
    }


def database_owner(context: str) -> dict[str, str]:
    """The role that owns a context's schema. Only migrations and partition upkeep need its password."""
    return {
        "user": f"mpac_{context}_owner",
        "password": env.str(f"MPAC_DB_OWNER_PASSWORD_{context.upper()}", default=""),
    }


def monitor_login() -> dict[str, str]:
    """The role with `pg_monitor` that `manage.py db_health` looks with; empty where each context's own role does."""
    role = env.str("MPAC_MONITOR_ROLE", default="")
    return {"user": role, "password": env.str("MPAC_MONITOR_PASSWORD", default="")} if role else {}


def traces_endpoint() -> str:
    """Where traces are sent by OTLP over HTTP, by OpenTelemetry's own names; empty: nothing is traced."""
    return str(env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default=""))


def packages_storage(folder: Path) -> dict[str, Any]:
    """Where packages of apps are kept: `folder`, or the bucket `MPAC_PACKAGES_BUCKET` of S3 or of what speaks like it at
    `MPAC_PACKAGES_ENDPOINT`, with the credentials that boto3 finds.
    """
    bucket = env.str("MPAC_PACKAGES_BUCKET", default="")
    if not bucket:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(folder), "file_permissions_mode": 0o600},
        }
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": env.str("MPAC_PACKAGES_ENDPOINT", default="") or None,
            "region_name": env.str("MPAC_PACKAGES_REGION", default="") or None,
            "signature_version": "s3v4",
            "object_parameters": {"ContentType": "application/vnd.android.package-archive"},
        },
    }


def path(name: str, default: str) -> Path:
    """An absolute path."""
    return Path(env.str(name, default=default)).absolute()
