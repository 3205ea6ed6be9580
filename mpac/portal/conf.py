"""Settings of the portal context: who issues tokens, how long things live, how often caches look again."""

import datetime as dt
from pathlib import Path

from django.conf import settings

DEVICE_TOKEN_TTL_S = 120
DEVICE_SCOPE = "device"
ASSERTION_MAX_LIFETIME_S = 3600
PROOF_MAX_LIFETIME_S = 300

ACTIVATION_MAX_ATTEMPTS = 5
# A terminal that a vendor announced is unpacked some day; whoever stands before it has its code.
PREREGISTRATION_CODE_TTL_S = 30 * 86_400

# Terminals are asked to report this often, are online for three times as long, and are missed after ten minutes.
HEARTBEAT_EVERY_S = 60
ONLINE_WITHIN_S = 3 * HEARTBEAT_EVERY_S
SILENT_AFTER_S = 10 * 60
REPORT_SAMPLE_EVERY_S = 5 * 60
# After an outage of ours terminals get this long to be heard again. Less than the time between two samples, for they show it.
LISTENING_AFTER_S = 3 * HEARTBEAT_EVERY_S

PERSON_TOKEN_TTL_S = 15 * 60
# Whoever does not come back within this time signs in again; and in any case when the session is as old as that.
REFRESH_TOKEN_TTL_S = 7 * 24 * 3600
SESSION_TTL_S = 30 * 24 * 3600
CONSOLE_SESSION_TTL_S = 12 * 3600
KNOWN_DEVICE_TTL_S = 180 * 24 * 3600
# A session that is this old must show the password again before it changes what protects it.
RECENT_SIGN_IN_S = 15 * 60
LOGIN_CHALLENGE_TTL_S = 5 * 60
LOGIN_CHALLENGE_TRIES = 5
LOGIN_CODES_SENT = 3
PASSWORD_RESET_TTL_S = 30 * 60
PASSWORD_RESETS_AN_HOUR = 5
PASSWORDS_REMEMBERED = 4

# Keys and revocations are read again after this long, so a revocation works everywhere within it.
TRUST_MAX_AGE_S = 2.0
# When the database cannot be asked, what was last known is believed this long and no longer.
TRUST_STALE_LIMIT_S = 5.0
# When a kill is said again: once its terminal's last token is refused everywhere, and once whatever that token was let in
# with has its end, however long it had to wait for the database.
KILL_SAID_AGAIN_S = (3 * TRUST_STALE_LIMIT_S, 60.0)
API_KEY_CACHE_S = 3.0
API_KEY_LAST_USED_STEP_S = 60

# A new signing key is published this long before it signs: longer than anybody caches the key set.
KEY_SET_MAX_AGE_S = 300
# A replaced signing key verifies this long after its last signature: longer than any token lives.
KEY_RETIREMENT_S = 15 * 60 + 60

# How long is kept what terminals were told to do and did, and what else than serial numbers was in a list of them.
KEEP_COMMANDS = dt.timedelta(days=90)
KEEP_LISTS = dt.timedelta(days=30)

# How long the address of a download works.
DOWNLOAD_TTL_S = 900
# So many uploads and downloads a process serves at once; further ones are asked to come again.
DOWNLOADS_AT_ONCE = 3
UPLOADS_AT_ONCE = 1


# A token in another person's name lives no longer than a person's own, and never beyond the impersonation.
IMPERSONATION_TOKEN_TTL_S = 15 * 60


def issuer() -> str:
    """The issuer identifier of all tokens, as in the authorization server metadata."""
    return str(settings.MPAC_ISSUER)


def public_url() -> str:
    """Where clients reach this platform, without a final slash."""
    return str(settings.MPAC_PUBLIC_URL)


def token_endpoint() -> str:
    """The address of the token endpoint, which is also accepted as an assertion's audience."""
    return f"{public_url()}/v1/auth/token"


def activation_code_ttl_s() -> int:
    """How long a one-time activation code may be used."""
    return int(settings.MPAC_ACTIVATION_CODE_TTL_S)


def largest_package_bytes() -> int:
    """The largest Android package that is taken."""
    return int(settings.MPAC_MAX_PACKAGE_BYTES)


def packages_folder() -> Path:
    """Where uploads wait until they have been checked, and packages are kept unless there is a bucket for them."""
    return Path(settings.MPAC_PACKAGES_DIR)
