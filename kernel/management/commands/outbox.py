"""`manage.py outbox`: list, replay and park events by hand."""

import argparse
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from kernel import clock, ids
from kernel.db import ContextDb
from kernel.errors import NotFound
from kernel.tenancy import SystemScope

SCOPE = SystemScope("relay")
LIST = """
    SELECT id, type, aggregate_id, tries, created_at, parked_at, last_error FROM outbox
    WHERE delivered_at IS NULL AND (%(all)s OR parked_at IS NOT NULL) ORDER BY position LIMIT %(limit)s
"""
REPLAY = """
    UPDATE outbox SET parked_at = NULL, delivered_at = NULL, tries = 0, next_try_at = %(now)s
    WHERE (%(id)s::uuid IS NULL AND parked_at IS NOT NULL AND delivered_at IS NULL) OR id = %(id)s RETURNING 1
"""
PARK = "UPDATE outbox SET parked_at = %(now)s WHERE id = %(id)s AND delivered_at IS NULL RETURNING 1"


class Command(BaseCommand):
    help = "Look at undelivered events; replay parked ones; park one that does harm."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("action", choices=["list", "replay", "park"])
        parser.add_argument(
            "--context", choices=list(settings.MPAC_CONTEXTS), help="one context; all by default"
        )
        parser.add_argument(
            "--event", help="an event's id (evt_…); replay takes all parked events without it"
        )
        parser.add_argument(
            "--pending", action="store_true", help="list: also events that are still being tried"
        )
        parser.add_argument("--limit", type=int, default=100)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            event_id = ids.decode("evt", options["event"]) if options["event"] else None
        except NotFound:
            raise CommandError(f"{options['event']!r} is not an event's id.") from None
        if options["action"] == "park" and event_id is None:
            msg = "Name the event to park with --event."
            raise CommandError(msg)
        contexts = [options["context"]] if options["context"] else list(settings.MPAC_CONTEXTS)
        parameters = {
            "id": event_id,
            "now": clock.now(),
            "all": options["pending"],
            "limit": options["limit"],
        }
        for name in contexts:
            db = ContextDb(name, alias=settings.MPAC_CONTEXTS[name])
            with db.atomic(SCOPE):
                getattr(self, options["action"])(name, db, parameters)

    def list(self, name: str, db: ContextDb, parameters: dict[str, Any]) -> None:
        rows = db.execute(LIST, parameters)
        for event_id, kind, aggregate, tries, created_at, parked_at, error in rows:
            state = f"parked {clock.rfc3339(parked_at)}" if parked_at else "pending"
            self.stdout.write(
                f"{name}  {ids.encode('evt', event_id)}  {kind}  {aggregate}  tries {tries}  "
                f"{clock.rfc3339(created_at)}  {state}  {error.splitlines()[0] if error else ''}"
            )
        self.stdout.write(f"{name}: {len(rows)} shown")

    def replay(self, name: str, db: ContextDb, parameters: dict[str, Any]) -> None:
        self.stdout.write(f"{name}: {len(db.execute(REPLAY, parameters))} to be delivered again")

    def park(self, name: str, db: ContextDb, parameters: dict[str, Any]) -> None:
        self.stdout.write(f"{name}: {len(db.execute(PARK, parameters))} parked")
