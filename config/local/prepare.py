"""`python -m config.local.prepare SEED_FILE MERCHANTS_FILE`: roles and schemas, tables, demo data, in one process.

The parts are management commands that do nothing when there is nothing to do. The last one writes what a merchant would
enter in the dashboards of its providers: the addresses that its notices go to.
"""

import json
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import django
from django.conf import settings
from django.core.management import CommandError, call_command

from config.local import dashboards
from config.local.secrets import write_private
from kernel import origin


def main(arguments: Sequence[str]) -> int:
    """Run the parts in order; 1 with a message when one refuses."""
    seed_file, merchants_file = arguments
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
    demo = json.loads(Path(seed_file).read_text())
    addresses = call_command(
        "copy_merchant", str(demo["psp"]["id"]), str(demo["merchant_id"]), stdout=StringIO()
    )
    merchants = dashboards.entries(demo["providers"], addresses=json.loads(addresses))
    write_private(Path(merchants_file), json.dumps(merchants, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
