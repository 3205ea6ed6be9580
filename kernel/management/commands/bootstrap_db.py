"""`manage.py bootstrap_db`: roles and schemas, from the superuser connection in MPAC_ADMIN_DATABASE_URL."""

from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from kernel.bootstrap import bootstrap


class Command(BaseCommand):
    help = "Create the database roles and schemas of all contexts. Safe to run again."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.MPAC_ADMIN_DATABASE_URL:
            msg = "Set MPAC_ADMIN_DATABASE_URL to a connection that may create roles, then run this again."
            raise CommandError(msg)
        passwords = {}
        for name, alias in settings.MPAC_CONTEXTS.items():
            owner = settings.MPAC_DATABASE_OWNERS[alias]["password"]
            if not owner:
                msg = f"Set MPAC_DB_OWNER_PASSWORD_{name.upper()}."
                raise CommandError(msg)
            passwords[name] = (owner, connections[alias].settings_dict["PASSWORD"])
        with psycopg.connect(settings.MPAC_ADMIN_DATABASE_URL, autocommit=True) as connection:
            bootstrap(connection, passwords)
        self.stdout.write(f"Roles and schemas are ready: {', '.join(passwords)}.")
