"""`manage.py seed_demo --output PATH`: the demonstration tenant, and a file that says how to reach it."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from kernel import clock
from mpac.portal.services.demo import seed_demo


class Command(BaseCommand):
    """Idempotent: a second run keeps what is there and what the file knows. Not for production: it makes an operator."""

    help = "Create the demonstration provider, merchant, store, operator and terminal, and write how to reach them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--output", type=Path, required=True, help="the JSON file, readable by its owner alone"
        )

    def handle(self, *_args: Any, output: Path, **_options: Any) -> None:
        if settings.MPAC_ENV == "production":
            msg = "the demonstration data and its operator have no place in production"
            raise CommandError(msg)
        known = read(output)
        seeded = seed_demo(known=known, now=clock.now())
        write(output, {**addresses(), **seeded})
        self.stdout.write(f"demo data ready, see {output}")


def addresses() -> dict[str, Any]:
    """Where the platform of these settings answers, and a key for signed service calls if it has one."""
    demo: dict[str, Any] = {
        "base_url": settings.MPAC_PUBLIC_URL,
        "ws_url": settings.MPAC_WS_URL,
        "simulator_url": settings.MPAC_SIMULATOR_URL,
        "issuer": settings.MPAC_ISSUER,
    }
    for key_id, secrets in settings.MPAC_SERVICE_KEYS.items():
        demo["sync"] = {"key_id": key_id, "secret": secrets[0]}
        break
    return demo


def read(path: Path) -> dict[str, Any]:
    """What an earlier run wrote; nothing if there was none or it cannot be read."""
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def write(path: Path, demo: dict[str, Any]) -> None:
    """Replace the file in one step; it holds secrets, so nobody else may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(demo, file, indent=2)
        file.write("\n")
    draft.replace(path)
