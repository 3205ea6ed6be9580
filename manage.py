#!/usr/bin/env python
"""MPAC's command line: `python manage.py help`."""

import os
import sys

from django.core.management import execute_from_command_line

from kernel import origin

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    with origin.from_origin(origin.of_command(sys.argv)):
        execute_from_command_line(sys.argv)
