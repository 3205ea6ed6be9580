"""`manage.py check_invariants`: run every invariant; exits 1 and names the rows when one is broken."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string

from kernel.invariants import Invariant


class Command(BaseCommand):
    help = "Look for rows that break a promise. Run after every fault test, and nightly."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = 0
        invariants: list[Invariant] = import_string(settings.MPAC_INVARIANTS)()
        for invariant in invariants:
            rows = invariant.offending()
            broken += bool(rows)
            self.stdout.write(
                f"{'BROKEN' if rows else 'ok':6} {invariant.code:4} {invariant.db.name}: {invariant.name}"
            )
            for row in rows:
                self.stdout.write(f"         {row}")
        self.stdout.write(f"{len(invariants)} invariants, {broken} broken.")
        if broken:
            raise SystemExit(1)
