"""`manage.py rewrap_secrets`: bring every sealed secret under the first key of MPAC_KEKS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kernel.crypto import CryptoError
from kernel.rewrapping import rewrap_table, sealed_models


class Command(BaseCommand):
    help = (
        "Rewrap every sealed secret under the active key-encryption key. Afterwards the old key can leave MPAC_KEKS. "
        "May be stopped and run again."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        for model in sealed_models():
            seen = changed = 0
            try:
                for seen, changed in rewrap_table(model):
                    self.stdout.write(
                        f"{model._meta.db_table}: {seen} seen, {changed} rewrapped", ending="\r"
                    )
            except CryptoError as error:
                msg = f"{model._meta.db_table}, after {seen} rows: {error}. Put the missing key back into MPAC_KEKS."
                raise CommandError(msg) from None
            self.stdout.write(f"{model._meta.db_table}: {seen} seen, {changed} rewrapped")
        self.stdout.write("every secret is under the first key of MPAC_KEKS; the others can be dropped")
