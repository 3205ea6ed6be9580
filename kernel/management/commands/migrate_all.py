"""`manage.py migrate_all`: every context's migrations, then its declared rules and partitions, as the owner roles."""

from typing import Any

from django.core.management.base import BaseCommand

from kernel import clock
from kernel.migrate import migrate_all


class Command(BaseCommand):
    requires_system_checks = ()
    help = "Migrate all contexts and converge row-level security, grants, triggers and partitions. Safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        migrate_all(now=clock.now(), progress=self.stdout.write)
