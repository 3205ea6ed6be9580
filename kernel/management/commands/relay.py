"""`manage.py relay`: deliver committed events to their handlers until told to stop."""

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from psycopg.conninfo import make_conninfo

from kernel.db import ContextDb, address_of, login_of
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
    distinct: dict[str, str] = {}
    for db in databases:
        address = address_of(db.alias)
        whole = make_conninfo(**address, **login_of(db.alias), application_name="mpac-relay-listen")
        distinct.setdefault(make_conninfo(**address), whole)
    return list(distinct.values())
