"""`manage.py generate`: write the checked-in generated files; `--check` only compares and names what differs."""

import argparse
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string


class Command(BaseCommand):
    help = "Write the OpenAPI document, the event schemas and the states under docs/, and the states in the READMEs."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="change nothing; fail when a file is out of date"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        files: dict[str, str] = import_string(settings.MPAC_GENERATED)()
        stale = []
        for relative, text in sorted(files.items()):
            path = settings.BASE_DIR / relative
            if path.exists() and path.read_text() == text:
                continue
            stale.append(relative)
            if not options["check"]:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        if stale and options["check"]:
            raise CommandError(f"Out of date, run `make generate`: {', '.join(stale)}")
        self.stdout.write(
            f"{len(files)} generated files, {len(stale)} written."
            if stale
            else "All generated files are current."
        )
