"""Settings shared by every process."""

from pathlib import Path

from config.contexts import CONTEXTS
from config.env import (
    amount_limits,
    database,
    database_owner,
    env,
    key_encryption_keys,
    monitor_login,
    packages_storage,
    path,
    service_keys,
    traces_endpoint,
)

BASE_DIR = Path(__file__).resolve().parent.parent.parent

SECRET_KEY = env.str("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
DEBUG = False
ALLOWED_HOSTS = env.list("MPAC_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False

# --- contexts and databases -------------------------------------------------------------------------------------
MPAC_CONTEXTS = {context.name: context.alias for context in CONTEXTS}
DATABASES = {context.alias: database(context.name) for context in CONTEXTS}
MPAC_DATABASE_OWNERS = {context.alias: database_owner(context.name) for context in CONTEXTS}
MPAC_MONITOR_LOGIN = monitor_login()
MPAC_ADMIN_DATABASE_URL = env.str("MPAC_ADMIN_DATABASE_URL", default="")
DATABASE_ROUTERS = ["config.routers.SchemaRouter"]
# W035: every context has an outbox, an inbox and so on, each in its own schema. E408-E410: the console has its
# sessions, messages and sign-in, but kernel.middleware.ConsoleOnly runs them, so that API calls do not.
SILENCED_SYSTEM_CHECKS = ["models.W035", "admin.E408", "admin.E409", "admin.E410"]

INSTALLED_APPS = [
    "kernel",
    *(context.config for context in CONTEXTS),
    "kernel.console.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_otp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MPAC_TRACES_ENDPOINT = traces_endpoint()
MPAC_TRACES_RATIO = env.float("MPAC_TRACES_RATIO", default=1.0)
MIDDLEWARE = [
    *(["kernel.opentelemetry.TraceMiddleware"] if MPAC_TRACES_ENDPOINT else []),
    "kernel.middleware.RequestMiddleware",
    "kernel.middleware.ConsoleOnly",
]

# The session, CSRF and message layers serve people in the console alone; API calls never pay for them.
MPAC_CONSOLE_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "kernel.middleware.ConsoleActor",
    "mpac.portal.admin.impersonating.ImpersonationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
MPAC_CONSOLE_ENTRANCE = "mpac.portal.services.console_entrance.ConsoleEntrance"
MPAC_CONSOLE_PREFIXES = ("/admin/", "/static/", "/v1/docs")

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "DIRS": [BASE_DIR / "config" / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "config" / "static"]
WHITENOISE_USE_FINDERS = True  # read once at start from where they lie: there is nothing to collect first
WHITENOISE_AUTOREFRESH = False

# --- people -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "portal.User"
PASSWORD_HASHERS = ["kernel.passwords.BoundedArgon2PasswordHasher"]
# Each takes 100 MB and all cores for a moment; this many at a time in each process.
MPAC_PASSWORD_CHECKS = env.int("MPAC_PASSWORD_CHECKS", default=2)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "mpac.portal.models.password_rules.LengthValidator"},
    {"NAME": "mpac.portal.models.password_rules.BreachedPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "mpac.portal.models.password_rules.NotUsedBeforeValidator"},
]
SESSION_COOKIE_AGE = 15 * 60
SESSION_SAVE_EVERY_REQUEST = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
MPAC_PUBLIC_URL = env.str("MPAC_PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
MPAC_HTTPS = env.bool("MPAC_HTTPS", default=MPAC_PUBLIC_URL.startswith("https://"))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = MPAC_HTTPS
CSRF_TRUSTED_ORIGINS = env.list("MPAC_TRUSTED_ORIGINS", default=[])
OTP_TOTP_ISSUER = "MPAC"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "worker-src": ["'self'", "blob:"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
    }
}

# --- mail -----------------------------------------------------------------------------------------------------------
MPAC_MAIL_DIR = env.str("MPAC_MAIL_DIR", default="")  # mails become files there instead of being sent
EMAIL_BACKEND = f"django.core.mail.backends.{'filebased' if MPAC_MAIL_DIR else 'smtp'}.EmailBackend"
EMAIL_FILE_PATH = MPAC_MAIL_DIR or None
EMAIL_HOST = env.str("MPAC_MAIL_HOST", default="localhost")
EMAIL_PORT = env.int("MPAC_MAIL_PORT", default=587)
EMAIL_HOST_USER = env.str("MPAC_MAIL_USER", default="")
EMAIL_HOST_PASSWORD = env.str("MPAC_MAIL_PASSWORD", default="")
EMAIL_USE_TLS = env.bool("MPAC_MAIL_TLS", default=True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("MPAC_MAIL_FROM", default="MPAC <no-reply@mpac.example>")

# --- the API ------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "mpac.portal.rest.authentication.DeviceTokenAuthentication",
        "mpac.portal.rest.authentication.ApiKeyAuthentication",
        "kernel.rest.service_auth.ServiceAuthentication",
        "mpac.pgw.rest.authentication.ClientSecretAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": [],
    "DEFAULT_SCHEMA_CLASS": "kernel.rest.openapi.OperationSchema",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MPAC",
    "DESCRIPTION": "The platform behind SmartPOS terminals: identity and fleet, sales, and payments.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/v1",
    "POSTPROCESSING_HOOKS": ["kernel.rest.openapi.finish"],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "kernel.uploads.BoundedUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- MPAC ---------------------------------------------------------------------------------------------------------
MPAC_ENV = env.str("MPAC_ENV", default="production")
MPAC_ISSUER = env.str("MPAC_ISSUER", default=MPAC_PUBLIC_URL)
MPAC_WS_URL = env.str("MPAC_WS_URL", default="ws://127.0.0.1:8001/ws/v1/terminal")
MPAC_SIMULATOR_URL = env.str("MPAC_SIMULATOR_URL", default="http://127.0.0.1:8002")
MPAC_STATE_DIR = path("MPAC_STATE_DIR", ".mpac")
MPAC_KEKS = key_encryption_keys()
MPAC_SERVICE_KEYS = service_keys()
MPAC_SCB_BASE_URL = env.str("MPAC_SCB_BASE_URL", default="")
MPAC_ADYEN_BASE_URL = env.str("MPAC_ADYEN_BASE_URL", default="")
MPAC_STRIPE_BASE_URL = env.str("MPAC_STRIPE_BASE_URL", default="")
MPAC_OMISE_BASE_URL = env.str("MPAC_OMISE_BASE_URL", default="")
MPAC_KBANK_BASE_URL = env.str("MPAC_KBANK_BASE_URL", default="")
MPAC_PAYPAY_BASE_URL = env.str("MPAC_PAYPAY_BASE_URL", default="")
MPAC_PAYPAL_BASE_URL = env.str("MPAC_PAYPAL_BASE_URL", default="")
MPAC_PAYPAL_CA_FILE = env.str("MPAC_PAYPAL_CA_FILE", default="")
MPAC_PAYPAL_TRUSTED_HOSTS = env.list("MPAC_PAYPAL_TRUSTED_HOSTS", default=[])
MPAC_PROXY_HOPS = env.int("MPAC_PROXY_HOPS", default=0)
MPAC_PROVIDER_TIMEOUT_S = env.float("MPAC_PROVIDER_TIMEOUT_S", default=10.0)
MPAC_PROVIDER_CONCURRENCY = env.int("MPAC_PROVIDER_CONCURRENCY", default=16)
MPAC_BREAKERS_ENFORCED = env.bool("MPAC_BREAKERS_ENFORCED", default=True)
MPAC_WEBHOOK_TRUSTED_HOSTS = env.list("MPAC_WEBHOOK_TRUSTED_HOSTS", default=[])
MPAC_AMOUNT_LIMITS = amount_limits()
MPAC_ACTIVATION_CODE_TTL_S = env.int("MPAC_ACTIVATION_CODE_TTL_S", default=15 * 60)
MPAC_CRASHPOINT_FILE = env.str("MPAC_CRASHPOINT_FILE", default="")
_ALL = env.int("MPAC_RATE_LIMIT_GLOBAL", default=10_000)
MPAC_RATE_LIMITS = {
    "merchant": env.int("MPAC_RATE_LIMIT_MERCHANT", default=1_000),
    "global": _ALL,
    # Nobody alone may use up what all share.
    "tenant": env.int("MPAC_RATE_LIMIT_TENANT", default=_ALL * 8 // 10),
    "strangers": env.int("MPAC_RATE_LIMIT_STRANGERS", default=_ALL * 3 // 10),
    "notices": env.int("MPAC_RATE_LIMIT_NOTICES", default=_ALL * 4 // 10),
    # Providers send for all their merchants from few addresses.
    "notices_address": env.int("MPAC_RATE_LIMIT_NOTICES_ADDRESS", default=_ALL * 3 // 10),
    "notices_account": env.int("MPAC_RATE_LIMIT_NOTICES_ACCOUNT", default=_ALL // 10),
    "partner": env.int("MPAC_RATE_LIMIT_PARTNER", default=100),
    "address": env.int("MPAC_RATE_LIMIT_ADDRESS", default=600),
    "page": env.int("MPAC_RATE_LIMIT_PAGE", default=60),
    "sign_in_account": env.int("MPAC_RATE_LIMIT_SIGN_IN_ACCOUNT", default=10),
    "sign_in_device": env.int("MPAC_RATE_LIMIT_SIGN_IN_DEVICE", default=10),
    "sign_in_address": env.int("MPAC_RATE_LIMIT_SIGN_IN_ADDRESS", default=100),
}
MPAC_WEB_THREADS = env.int("MPAC_WEB_THREADS", default=6)  # as deploy/process starts them
MPAC_WEB_PROCESSES = env.int("MPAC_WEB_PROCESSES", default=2)
MPAC_MAX_BODY_BYTES = env.int("MPAC_MAX_BODY_BYTES", default=256 * 1024)
MPAC_MAX_SERVICE_BODY_BYTES = env.int("MPAC_MAX_SERVICE_BODY_BYTES", default=4 * 1024 * 1024)
MPAC_MAX_PACKAGE_BYTES = env.int("MPAC_MAX_PACKAGE_BYTES", default=256 * 1024 * 1024)
MPAC_PACKAGES_DIR = path("MPAC_PACKAGES_DIR", f"{MPAC_STATE_DIR}/packages")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "packages": packages_storage(MPAC_PACKAGES_DIR),
}
PROMETHEUS_MULTIPROC_DIR = env.str("PROMETHEUS_MULTIPROC_DIR", default="")

REDIS_URL = env.str("REDIS_URL")
CELERY = {
    "broker_url": REDIS_URL,
    "task_ignore_result": True,
    "task_acks_late": True,
    "worker_prefetch_multiplier": 1,
    "broker_connection_retry_on_startup": True,
    "task_default_queue": "mpac",
    "timezone": "UTC",
    "task_time_limit": 300,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,  # else what the logs write to stdout comes back as a record, and is dropped
}
LOGGING_CONFIG = "kernel.logs.configure_from_settings"
LOGGING = {"level": env.str("MPAC_LOG_LEVEL", default="INFO")}
MPAC_GENERATED = "config.generated.files"
MPAC_INVARIANTS = "config.invariants.all_invariants"
MPAC_OBSERVATIONS = "config.observations.all_observations"
