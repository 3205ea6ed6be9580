"""The environment that the processes of MPAC get: the same variables that a production deployment sets."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from config.local.options import Options
from config.local.processes import without_libpq_variables
from config.local.secrets import Secrets

# Never handed on: they would reach the children twice or give them rights that they do not need.
WITHHELD = (
    "DATABASE_URL",
    "REDIS_URL",
    "MPAC_ADMIN_DATABASE_URL",
    "MPAC_DB_ROLE",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
)


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the servers are, embedded or given."""

    database_url: str
    admin_database_url: str
    redis_url: str


@dataclass(frozen=True, kw_only=True)
class Environments:
    """Three levels of rights: `runtime` for what faces outside, `upkeep` may change schemas, `admin` makes roles."""

    runtime: dict[str, str]
    upkeep: dict[str, str]
    admin: dict[str, str]


def build(
    *, options: Options, secrets: Secrets, addresses: Addresses, given: Mapping[str, str] = os.environ
) -> Environments:
    """The environments of the children. A variable set by the person who starts the platform wins."""
    runtime = _computed(options, secrets, addresses)
    runtime |= {
        f"MPAC_DB_PASSWORD_{context.upper()}": word for context, word in secrets.runtime_passwords.items()
    }
    owners = {
        f"MPAC_DB_OWNER_PASSWORD_{context.upper()}": word for context, word in secrets.owner_passwords.items()
    }
    inherited = {name: value for name, value in without_libpq_variables().items() if name not in WITHHELD}
    chosen = {name: given[name] for name in runtime if given.get(name) and name not in WITHHELD}
    runtime = inherited | runtime | chosen
    upkeep = runtime | owners | {name: given[name] for name in owners if given.get(name)}
    admin = upkeep | {"MPAC_ADMIN_DATABASE_URL": addresses.admin_database_url}
    return Environments(
        runtime={name: value for name, value in runtime.items() if name not in owners},
        upkeep=upkeep,
        admin=admin,
    )


def given_addresses(options: Options) -> Addresses:
    """The addresses as given. A DATABASE_URL with a user in it also serves as the administrator's."""
    parts = urlsplit(options.database_url)
    account, at, host = parts.netloc.rpartition("@")
    admin = options.admin_database_url or (options.database_url if account else "")
    bare = urlunsplit(parts._replace(netloc=host)) if at else options.database_url
    return Addresses(database_url=bare, admin_database_url=admin, redis_url=options.redis_url)


def metrics_directory(state: Path) -> Path:
    """Where the processes of one platform share their counters."""
    return state / "metrics"


def _computed(options: Options, secrets: Secrets, addresses: Addresses) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": addresses.database_url,
        "REDIS_URL": addresses.redis_url,
        "SECRET_KEY": secrets.secret_key,
        "MPAC_KEKS": ",".join(f"{kid}:{key}" for kid, key in secrets.keks.items()),
        "MPAC_SERVICE_KEYS": json.dumps(secrets.service_keys),
        "MPAC_ENV": "local",
        "MPAC_ISSUER": options.base_url,
        "MPAC_PUBLIC_URL": options.base_url,
        "MPAC_WS_URL": options.ws_url,
        "MPAC_SIMULATOR_URL": options.simulator_url,
        "MPAC_SCB_BASE_URL": f"{options.simulator_url}/scb",
        "MPAC_ADYEN_BASE_URL": f"{options.simulator_url}/adyen",
        "MPAC_STRIPE_BASE_URL": f"{options.simulator_url}/stripe",
        "MPAC_OMISE_BASE_URL": f"{options.simulator_url}/omise",
        "MPAC_KBANK_BASE_URL": f"{options.simulator_url}/kbank",
        "MPAC_PAYPAL_BASE_URL": f"{options.simulator_url}/paypal",
        "MPAC_PAYPAL_CA_FILE": str(options.state / "paypal-ca.pem"),
        "MPAC_PAYPAL_TRUSTED_HOSTS": urlsplit(options.simulator_url).netloc,
        "MPAC_SIM_PAYPAL_CA": str(options.state / "paypal-ca.pem"),
        "MPAC_PAYPAY_BASE_URL": f"{options.simulator_url}/paypay",
        "MPAC_PORT": str(options.port),
        "MPAC_WS_PORT": str(options.ws_port),
        "MPAC_SIM_PORT": str(options.sim_port),
        "MPAC_STATE": str(options.state),
        "MPAC_STATE_DIR": str(options.state),
        "MPAC_MAIL_DIR": str(options.state / "mails"),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics_directory(options.state)),
    }
