"""Settings of the test suite: throw-away servers, no connection pools, short provider timeouts."""

from config.settings.base import *  # noqa: F403
from config.settings.base import DATABASES, MPAC_RATE_LIMITS

for _database in DATABASES.values():
    _database["OPTIONS"].pop("pool", None)

ALLOWED_HOSTS = ["*"]
MPAC_ENV = "test"
MPAC_PROVIDER_TIMEOUT_S = 2.0
MPAC_RATE_LIMITS = dict.fromkeys(MPAC_RATE_LIMITS, 10_000_000)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = True  # a client of a test reads the files it asks for, not all of them first
