"""The WSGI entrance: `granian --interface wsgi config.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

from kernel.logs import configure_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

configure_logging()
application = get_wsgi_application()
