"""The gateway's settings, read through here only."""

from django.conf import settings

DEFAULT_EXPIRES_IN_S = 1800
MIN_EXPIRES_IN_S = 30
MAX_EXPIRES_IN_S = 7 * 24 * 3600
# How many charges an intent may try. A bill's payment is one try: the terminal opens a new payment for another.
MAX_ATTEMPTS = {"api": 5, "smarttab": 1}
# A client secret outlives its intent by this, so that a page can still show the result.
CLIENT_SECRET_GRACE_S = 3600
MAX_WEBHOOK_BYTES = 64 * 1024
# A provider waits for our answer to its callback; the truth is asked for within this time or by the retry job.
WEBHOOK_INQUIRY_TIMEOUT_S = 3.0
# Anybody who saw a QR can send unsigned notices about it; beyond this many that nothing confirmed, only the regular
# probes ask the provider.
MAX_NOTICES_PER_ATTEMPT = 20
# Asking providers about what is open: several calls at once, of which one tenant has a share.
PROBE_THREADS = 16
PROBES_PER_MERCHANT = 4
PROBES_PER_PSP = 8
RESOLVERS_AT_ONCE = 2
NOTICE_BATCH = 8
SWEEP_BATCH = 200
# A run takes on new work for this long, then for a while only from those who have none under way, and then ends. The
# longest call comes on top; together that is less than a run may last before it is taken for dead.
CLAIM_WINDOW_S = 10.0
LAST_CLAIM_S = 30.0
# After the first account, this many others are tried while each provably did nothing.
MAX_FAILOVERS = 2
# How old the rules and breakers that a process goes by may be, and how long it may keep good news to itself.
RULES_RECALLED_S = 2
BREAKERS_RECALLED_S = 1
CALLS_KEPT_S = 5

# Partners' webhooks. An endpoint is called a few times at once at most, so that a slow one holds up nobody else.
MAX_ENDPOINTS = 16
WEBHOOK_TIMEOUT_S = 15.0
MAX_WEBHOOK_ANSWER_BYTES = 16 * 1024
SENDS_PER_ENDPOINT = 4
SENDS_PER_PARTNER = 16
SEND_THREADS = 32
SENDERS_AT_ONCE = 2
MAX_RESENT = 10_000
DEFAULT_SECRET_OVERLAP_S = 24 * 3600
MAX_SECRET_OVERLAP_S = 7 * 24 * 3600

# A call that takes longer holds a thread as one that hangs does.
HANGS_AFTER_S = 2.0

# For currencies that the settings say nothing about.
DEFAULT_AMOUNT_LIMITS = (1, 10**12)


def amount_limits(currency: str, method: str | None) -> tuple[int, int]:
    """The least and the most amount of one intent in minor units of `currency`, paid by `method`."""
    limits: dict[str, tuple[int, int]] = settings.MPAC_AMOUNT_LIMITS
    return limits.get(f"{currency}/{method}") or limits.get(currency) or DEFAULT_AMOUNT_LIMITS


def provider_timeout_s() -> float:
    """How long one call to a provider may take; always shorter than the age at which a sent attempt counts as lost."""
    return float(settings.MPAC_PROVIDER_TIMEOUT_S)


def provider_concurrency() -> int:
    """How many calls one process may have under way at one account."""
    return int(settings.MPAC_PROVIDER_CONCURRENCY)


def hanging_calls() -> int:
    """How many of a process's threads the hanging calls of one PSP may hold: half of them."""
    return max(1, int(settings.MPAC_WEB_THREADS) // 2)


def breakers_enforced() -> bool:
    """Whether the breaker of a new account keeps calls away, or is only watched at first."""
    return bool(settings.MPAC_BREAKERS_ENFORCED)


def provider_base_url(provider: str) -> str:
    """Where a provider's API lives, without a slash at its end; empty until an operator has set it."""
    return str(getattr(settings, f"MPAC_{provider.upper()}_BASE_URL", "")).rstrip("/")


def notice_url(provider: str, account: str) -> str:
    """Where `provider` sends its notices about the account with this id (`pca_…`)."""
    return f"{str(settings.MPAC_PUBLIC_URL).rstrip('/')}/v1/webhooks/{provider}/{account}"


def paypal_ca_file() -> str:
    """The authorities that vouch for the certificates of PayPal's notices; empty for those of the machine."""
    return str(settings.MPAC_PAYPAL_CA_FILE)


def trusted_paypal_hosts() -> frozenset[str]:
    """`host:port` pairs on a developer's own machine that serve such certificates. There are none in production."""
    if settings.MPAC_ENV not in {"local", "test"}:
        return frozenset()
    return frozenset(settings.MPAC_PAYPAL_TRUSTED_HOSTS)


def client_secret_key() -> bytes:
    """The key that client secrets are derived with."""
    return str(settings.SECRET_KEY).encode()


def trusted_webhook_hosts() -> frozenset[str]:
    """`host:port` pairs on a developer's own machine that may be called by plain HTTP. There are none in production."""
    if settings.MPAC_ENV not in {"local", "test"}:
        return frozenset()
    return frozenset(settings.MPAC_WEBHOOK_TRUSTED_HOSTS)
