"""`manage.py relay`: deliver committed events to their handlers until told to stop."""

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections
from psycopg.conninfo import make_conninfo

from kernel.db import ContextDb
from kernel.relay import Relay


class Command(BaseCommand):
    help = "Deliver events from every context's outbox. Any number of relays may run."

    def handle(self, *args: Any, **options: Any) -> None:
        databases = [ContextDb(name, alias=alias) for name, alias in settings.MPAC_CONTEXTS.items()]
        relay = Relay(databases, dsns=listening_addresses(databases))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: relay.stop())
        self.stdout.write("Relay is delivering.")
        relay.run()


def listening_addresses(databases: list[ContextDb]) -> list[str]:
    """One connection string per distinct database; contexts that share one share a listener."""
    distinct: dict[tuple[Any, ...], str] = {}
    for db in databases:
        found = connections[db.alias].settings_dict
        distinct.setdefault(
            (found["HOST"], found["PORT"], found["NAME"]),
            make_conninfo(
                host=found["HOST"] or None,
                port=found["PORT"] or None,
                dbname=found["NAME"],
                user=found["USER"],
                password=found["PASSWORD"],
                application_name="mpac-relay-listen",
            ),
        )
    return list(distinct.values())
