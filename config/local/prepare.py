"""`python -m config.local.prepare SEED_FILE`: roles and schemas, tables, demo data, in one process to start faster.

Each part is the management command of the same name and does nothing when there is nothing to do.
"""

import sys
from collections.abc import Sequence

import django
from django.conf import settings
from django.core.management import CommandError, call_command

from kernel import origin


def main(arguments: Sequence[str]) -> int:
    """Run the parts in order; 1 with a message when one refuses."""
    (seed_file,) = arguments
    django.setup()
    try:
        if settings.MPAC_ADMIN_DATABASE_URL:
            call_command("bootstrap_db")
        call_command("migrate_all")
        with origin.from_origin(origin.of_command(["manage.py", "seed_demo"])):
            call_command("seed_demo", "--output", seed_file)
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
