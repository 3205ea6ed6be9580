"""The table of the API: how each operation is called, and what it answers to somebody who names what is not theirs.

`test_leaks` fails for an operation, a parameter or a field that is not entered here.
"""

from dataclasses import dataclass, field
from typing import Any

from kernel import ids
from tests.architecture.world import ORDER
from tests.portal.apks import apk


@dataclass(frozen=True)
class Name:
    """A place in a body or a query that takes the identifier of an object."""

    key: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """One operation. `refusal` answers a caller of an allowed kind who names a foreign object, `alone` where it differs
    for one name; `public` are parameters and fields that name nobody's object here.
    """

    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    refusal: int = 404
    alone: dict[str, int] = field(default_factory=dict)
    public: frozenset[str] = frozenset()


PSP, MERCHANT, STORE, PROVIDER = Name("psp_id"), Name("merchant_id"), Name("store_id"), Name("provider")
ROLE = Name("role_id")
REFERENCE, EVENT = Name("reference"), Name("event_id")
INTENT = {"amount": 12550, "currency": "THB", "merchant_id": MERCHANT, "store_id": STORE, "method": "qr_code"}
PROFILE = {"code": "NEW", "name": "New", "country": "TH", "currency": "THB", "time_zone": "Asia/Bangkok"}
APP = {"package": "com.example.kds", "name": "New", "signers": ["0" * 64]}
REASON = Case(body={"reason": "lost"})
NOTICE = {"key": "no-such-attempt", "reference": "BANK1"}
ACTION = Case(body={})
# A signed push carries whole rows; that it cannot take over another provider's has a test of its own.
SYNCED = frozenset({"merchant_id", "store_id", "provider_name"})
READ = Case()
LIST = Case(refusal=200)
# Of a setting, whose it is names somebody; what goes for a store goes for the other levels (tests/portal/rest).
SETTING = frozenset({"level", "setting"})
# That a batch for another's merchant or group is refused like one for a store has a test of its own.
OTHER_TARGETS = frozenset({"merchant_id", "group_id"})

CASES: dict[str, Case] = {
    # Portal
    "auth.jwks": LIST,
    "auth.metadata": LIST,
    "auth.token": Case(refusal=400),
    "api_keys.list": LIST,
    "api_keys.create": Case(body={"name": "server", "mode": "test", "psp_id": PSP}),
    "api_keys.read": READ,
    "api_keys.roll": ACTION,
    "api_keys.revoke": ACTION,
    "auth.login": Case(body={"email": "no@example.com", "password": "wrong horse battery"}, refusal=401),
    "auth.mfa.verify": Case(body={"mfa_token": "mfa_x", "method": "totp", "code": "000000"}, refusal=401),
    "auth.mfa.email": Case(body={"mfa_token": "mfa_x"}, refusal=401),
    "auth.mfa.enrol": Case(body={"mfa_token": "mfa_x"}, refusal=401),
    "auth.refresh": Case(body={"refresh_token": "rt_x"}, refusal=401),
    "auth.switch": Case(body={"membership_id": Name("own_membership_id")}),
    "auth.logout": Case(),
    "auth.sessions.list": LIST,
    "auth.sessions.end": READ,
    "auth.authenticators.list": LIST,
    "auth.authenticators.create": Case(body={}, refusal=201),
    "auth.authenticators.confirm": Case(body={"code": "000000"}),
    "auth.authenticators.remove": READ,
    "auth.recovery_codes.create": Case(refusal=201),
    "auth.password.change": Case(
        body={"current_password": "wrong horse battery", "new_password": "x"}, refusal=403
    ),
    "auth.password.reset": Case(body={"email": "no@example.com"}, refusal=200),
    "auth.password.reset_confirm": Case(body={"reset_token": "pr_x", "new_password": "x"}, refusal=401),
    "login_policies.read": READ,
    "login_policies.set": Case(body={"required_roles": ["cashier"], "email_codes": True}),
    "psps.list": LIST,
    "psps.create": Case(body=PROFILE, refusal=403),
    "psps.read": READ,
    "psps.update": Case(body={"name": "New"}, refusal=403),
    "merchants.list": Case(query={"code": Name("merchant_code")}, refusal=200),
    "merchants.create": Case(body={"code": "NEW", "name": "New", "psp_id": PSP}),
    "merchants.read": READ,
    "merchants.update": Case(body={"name": "New"}),
    "stores.list": Case(query={"merchant_id": MERCHANT, "code": Name("store_code")}, refusal=200),
    "stores.create": Case(body={"code": "NEW", "name": "New", "merchant_id": MERCHANT}),
    "stores.read": READ,
    "stores.update": Case(body={"name": "New"}),
    "provider_configs.list": READ,
    "provider_configs.create": Case(
        body={"provider": "third", "credentials": {"api_key": "k"}}, public=frozenset({"provider"})
    ),
    "provider_configs.update": Case(body={"enabled": False}),
    "users.list": Case(query={"email": Name("email")}, refusal=200),
    "users.create": Case(body={"email": "new@example.com", "full_name": "New"}, refusal=403),
    "users.read": READ,
    "users.update": Case(body={"full_name": "New"}, refusal=403),
    "users.delete": ACTION,
    "users.end_sessions": ACTION,
    "users.me": LIST,
    "users.update_me": Case(body={"full_name": "New"}, refusal=200),
    "users.profile": LIST,
    "users.update_profile": Case(body={"city": "New"}, refusal=200),
    "users.preferences": LIST,
    "users.update_preferences": Case(body={"marketing_emails_enabled": True}, refusal=200),
    "memberships.list": READ,
    "memberships.grant": Case(
        body={"role": "custom", "role_id": ROLE, "merchant_id": MERCHANT, "store_id": STORE, "psp_id": PSP}
    ),
    "memberships.withdraw": ACTION,
    "invitations.list": Case(query={"email": Name("email")}, refusal=200),
    "invitations.create": Case(
        body={
            "email": "new@example.com",
            "role": "custom",
            "role_id": ROLE,
            "merchant_id": MERCHANT,
            "store_id": STORE,
            "psp_id": PSP,
        }
    ),
    "invitations.read": READ,
    "invitations.resend": ACTION,
    "invitations.withdraw": ACTION,
    "invitations.accept": Case(body={"secret": "no-such-secret-at-all"}, refusal=403),
    "impersonations.list": Case(query={"user_id": Name("user_id")}, refusal=200),
    "impersonations.request": Case(
        body={
            "user_id": Name("user_id"),
            "membership_id": Name("membership_id"),
            "reason": "cannot see",
            "ticket": "T-1",
        }
    ),
    "impersonations.read": READ,
    "impersonations.token": ACTION,
    "impersonations.approve": ACTION,
    "impersonations.refuse": ACTION,
    "impersonations.end": ACTION,
    "roles.list": LIST,
    "roles.create": Case(body={"name": "New", "permissions": ["devices:read"], "psp_id": PSP}),
    "roles.read": READ,
    "roles.update": Case(body={"name": "New"}, headers={"If-Match": "1"}),
    "roles.delete": ACTION,
    "devices.list": READ,
    "devices.register": Case(body={"name": "Till", "serial_number": "SN-NEW"}),
    "devices.activate": Case(
        body={"activation_code": "ABCD-EFGH", "public_jwk": {}, "proof": "x"}, refusal=400
    ),
    "devices.me": LIST,
    "devices.config": LIST,
    "devices.read": READ,
    "devices.activation_code": ACTION,
    "devices.suspend": REASON,
    "devices.resume": REASON,
    "devices.revoke": REASON,
    "devices.commands": LIST,
    "devices.command_result": Case(body={"status": "acknowledged"}),
    "commands.list": Case(query={"device_id": Name("device_id"), "batch_id": Name("batch_id")}, refusal=200),
    "commands.send": Case(body={"device_id": Name("device_id"), "kind": "restart"}),
    "commands.read": READ,
    "commands.cancel": ACTION,
    "command_batches.list": LIST,
    "command_batches.send": Case(body={"store_id": STORE, "kind": "restart"}, public=OTHER_TARGETS),
    "command_batches.read": READ,
    "command_batches.cancel": ACTION,
    "settings.catalogue": LIST,
    "settings.list": Case(public=SETTING),
    "settings.read": Case(public=SETTING),
    "settings.set": Case(body={"value": ["New"]}, headers={"If-Match": "1"}, public=SETTING),
    "settings.unset": Case(headers={"If-Match": "1"}, public=SETTING),
    "settings.preview": Case(body={"value": ["New"]}, public=SETTING),
    "settings.history": Case(public=SETTING),
    "settings.roll_back": Case(body={"version": 1}, headers={"If-Match": "1"}, public=SETTING),
    "devices.find": Case(
        query={"merchant_id": MERCHANT, "store_id": STORE, "group": Name("group_id")},
        alone={"merchant_id": 200, "store_id": 200},
    ),
    "devices.update": Case(body={"name": "New"}),
    "devices.replace": Case(body={"serial_number": "SN-NEW"}),
    "devices.kill": REASON,
    "devices.reports": READ,
    "devices.heartbeat": Case(body={}, refusal=200),
    "device_imports.create_for_store": Case(body="serial_number\r\nSN-LISTED"),
    "device_imports.list": LIST,
    "device_imports.create": Case(body="serial_number\r\nSN-LISTED", query={"merchant_id": MERCHANT}),
    "device_imports.read": READ,
    "device_imports.start": ACTION,
    "device_imports.report": READ,
    "device_preregistrations.list": LIST,
    "device_preregistrations.create": Case(body={"serial_number": "SN-TO-COME", "merchant_id": MERCHANT}),
    "device_preregistrations.read": READ,
    "device_preregistrations.activation_code": ACTION,
    "device_preregistrations.assign": Case(body={"store_id": STORE}),
    "device_preregistrations.withdraw": REASON,
    "device_groups.list": LIST,
    "device_groups.create": Case(body={"name": "New", "merchant_id": MERCHANT}),
    "device_groups.read": READ,
    "device_groups.update": Case(body={"name": "New"}),
    "device_groups.delete": READ,
    "device_groups.members": READ,
    "device_groups.add_members": Case(body={"device_ids": [Name("device_id")]}),
    "device_groups.remove_members": Case(body={"device_ids": [Name("device_id")]}),
    "apps.list": LIST,
    "apps.create": Case(body=APP | {"psp_id": PSP}),
    "apps.read": READ,
    "apps.update": Case(body={"name": "New"}),
    "releases.list": READ,
    "releases.upload": Case(
        body=apk("v2-v3"), headers={"Content-Type": "application/vnd.android.package-archive"}
    ),
    "releases.read": READ,
    "releases.download": Case(
        query={"device": Name("device_id"), "expires": 2**40, "signature": "0" * 64}, refusal=403
    ),
    "rollouts.list": Case(query={"app_id": Name("app_id")}, refusal=200),
    "rollouts.create": Case(
        body={
            "release_id": Name("release_id"),
            "merchant_ids": [MERCHANT],
            "store_ids": [STORE],
            "group_ids": [Name("group_id")],
        }
    ),
    "rollouts.read": READ,
    "rollouts.devices": READ,
    "rollouts.pause": REASON,
    "rollouts.resume": REASON,
    "rollouts.halt": REASON,
    "rollouts.complete": REASON,
    "updates.check": LIST,
    "updates.report": Case(body={"status": "downloaded"}),
    # Smarttab
    "tax_rates.list": Case(refusal=200, public=frozenset({"code"})),
    "tax_rates.add": Case(
        body={"country": "CH", "code": "vat", "rate_ppm": 81000, "valid_from": "2026-01-01"}, refusal=403
    ),
    "orders.list": Case(query={"client_reference": REFERENCE}, refusal=200),
    "orders.create": Case(body=ORDER, refusal=201),
    "orders.get": READ,
    "orders.patch": Case(body={"tip": 100}, headers={"If-Match": "1"}),
    "orders.submit": ACTION,
    "orders.prepare": ACTION,
    "orders.ready": ACTION,
    "orders.complete": ACTION,
    "orders.cancel": ACTION,
    "orders.bills": READ,
    "bills.create": ACTION,
    "bills.list": LIST,
    "bills.get": READ,
    "bills.void": ACTION,
    "bills.payments": READ,
    "payments.create": Case(
        body={"method": "qr_code", "amount": 100, "provider": PROVIDER}, alone={"provider": 201}
    ),
    "payments.list": LIST,
    "payments.get": READ,
    "payments.cancel": ACTION,
    "sales.create": Case(body=ORDER | {"payment": {"method": "qr_code", "provider": PROVIDER}}, refusal=201),
    "devices.events": LIST,
    # Gateway
    "payment_intents.list": Case(
        query={"merchant_id": MERCHANT, "store_id": STORE, "reference": REFERENCE}, refusal=200
    ),
    "payment_intents.create": Case(body=INTENT | {"provider": PROVIDER, "confirm": True}, refusal=400),
    "payment_intents.get": READ,
    "payment_intents.confirm": Case(body={"provider": PROVIDER}, alone={"provider": 400}),
    "payment_intents.cancel": ACTION,
    "payment_intents.capture": ACTION,
    "captures.list": READ,
    "payment_intents.attempts": READ,
    "payment_intents.events": READ,
    # That only a refund of the same intent can be tried again has a test of its own.
    "refunds.create": Case(body={"reason": "returned"}, public=frozenset({"retry_of"})),
    "refunds.list": READ,
    "refunds.get": READ,
    "webhook_endpoints.list": LIST,
    "webhook_endpoints.create": Case(body={"url": "https://hooks.example.com/"}, refusal=201),
    "webhook_endpoints.get": READ,
    "webhook_endpoints.update": Case(body={"description": "New"}),
    "webhook_endpoints.disable": READ,
    "webhook_endpoints.rotate_secret": ACTION,
    "webhook_endpoints.resend": Case(
        body={"created_from": "2026-01-01T00:00:00Z", "created_before": "2100-01-01T00:00:00Z"}
    ),
    "webhook_endpoints.deliveries": Case(query={"event_id": EVENT}, alone={"event_id": 200}),
    "webhook_deliveries.attempts": READ,
    "events.list": Case(
        query={"merchant_id": MERCHANT, "store_id": STORE, "object_id": Name("intent_id")}, refusal=200
    ),
    "events.get": READ,
    "events.resend": Case(body={"webhook_endpoint_id": Name("endpoint_id")}),
    "disputes.list": Case(
        query={"merchant_id": MERCHANT, "payment_intent_id": Name("intent_id")}, refusal=200
    ),
    "disputes.get": READ,
    "webhooks.receive": Case(body=NOTICE, refusal=200, public=frozenset({"provider"})),
    "webhooks.receive_for_account": Case(body=NOTICE, refusal=200, public=frozenset({"provider", "account"})),
    # Audit
    "audit_events.list": Case(
        query={"object_id": Name("device_id"), "actor": Name("device_id")}, refusal=200
    ),
    # Sync
    "sync.merchants": Case(body={"client_partner_id": PSP, "merchants": []}, public=SYNCED),
    "sync.status": LIST,
    "sync.run": Case(body={"merchant_id": MERCHANT}),
}

# What goes by each name and is nobody's. A path parameter that is not here is unknown to the tests.
MISSING: dict[str, Any] = {
    "psp_id": 2_000_000_001,
    "merchant_id": 2_000_000_002,
    "store_id": 2_000_000_003,
    "session_id": ids.encode("ses", ids.uuid7()),
    "authenticator_id": 2_000_000_006,
    "own_membership_id": 2_000_000_007,
    "device_id": ids.encode("dev", ids.uuid7()),
    "api_key_id": ids.encode("key", ids.uuid7()),
    "app_id": ids.encode("app", ids.uuid7()),
    "release_id": ids.encode("rel", ids.uuid7()),
    "rollout_id": ids.encode("rol", ids.uuid7()),
    "order_id": ids.encode("ord", ids.uuid7()),
    "bill_id": ids.encode("bil", ids.uuid7()),
    "payment_id": ids.encode("pay", ids.uuid7()),
    "intent_id": ids.encode("pi", ids.uuid7()),
    "refund_id": ids.encode("re", ids.uuid7()),
    "dispute_id": ids.encode("dis", ids.uuid7()),
    "endpoint_id": ids.encode("we", ids.uuid7()),
    "event_id": ids.encode("evt", ids.uuid7()),
    "delivery_id": ids.encode("wd", ids.uuid7()),
    "command_id": ids.encode("cmd", ids.uuid7()),
    "batch_id": ids.encode("cmb", ids.uuid7()),
    "level": "store",
    "owner": 2_000_000_003,
    "setting": "receipt.header_lines",
    "group_id": ids.encode("dgr", ids.uuid7()),
    "user_id": 2_000_000_004,
    "membership_id": 2_000_000_005,
    "invitation_id": ids.encode("inv", ids.uuid7()),
    "impersonation_id": ids.encode("imp", ids.uuid7()),
    "role_id": ids.encode("role", ids.uuid7()),
    "email": "nobody@example.org",
    "import_id": ids.encode("dim", ids.uuid7()),
    "preregistration_id": ids.encode("dev", ids.uuid7()),
    "provider": "nowhere",
    "account": "NO-ACCOUNT",
    "reference": "NO-REFERENCE",
    "merchant_code": "NO-MERCHANT",
    "store_code": "NO-STORE",
}

# Fields that name an object, where a caller can put one that is not theirs. In a query a code or a reference finds an
# object too; in a body it only labels the new one.
NAMING_FIELDS = frozenset(
    {
        "device_id",
        "app_id",
        "group_ids",
        "merchant_ids",
        "release_id",
        "store_ids",
        "device_ids",
        "membership_id",
        "group_id",
        "webhook_endpoint_id",
        "psp_id",
        "client_partner_id",
        "merchant_id",
        "store_id",
        "provider",
        "provider_name",
        "retry_of",
        "role_id",
        "user_id",
    }
)
NAMING_FILTERS = NAMING_FIELDS | {
    "actor",
    "email",
    "batch_id",
    "event_id",
    "group",
    "object_id",
    "payment_intent_id",
    "code",
    "reference",
    "client_reference",
}
# Fields that name nothing: values, labels, and references that are only repeated.
PLAIN_FIELDS = frozenset(
    {
        "device",
        "battery_percent",
        "window",
        "wifi",
        "waves",
        "spares_open_bills",
        "soak_s",
        "signature",
        "sdk",
        "open_bills",
        "needs_wifi",
        "needs_charging",
        "min_sample",
        "min_payment_success_bp",
        "min_battery_percent",
        "message",
        "max_failure_bp",
        "max_crash_bp",
        "installed",
        "gate",
        "expires",
        "asked",
        "account",
        "accuracy_m",
        "action",
        "address",
        "business_day_starts_at",
        "business_type",
        "city",
        "contact_email",
        "contact_name",
        "contact_phone",
        "district",
        "expected_monthly_volume",
        "expires_at",
        "legal_name",
        "line1",
        "line2",
        "merchant_category_code",
        "mode",
        "notes",
        "onboarding",
        "opening_hours",
        "overlap_s",
        "pos_provider_preference",
        "postal_code",
        "region",
        "scopes",
        "seats",
        "tax_branch",
        "tax_number",
        "website",
        "activation_code",
        "address_line1",
        "address_line2",
        "after",
        "amount",
        "api_key_encrypted",
        "app",
        "apps",
        "basis_points",
        "battery",
        "capture_method",
        "channel",
        "charging",
        "channels",
        "client_assertion",
        "client_assertion_type",
        "client_reference",
        "code",
        "config_etag",
        "confirm",
        "country",
        "created_before",
        "created_from",
        "credentials",
        "currency",
        "current_password",
        "data",
        "detail",
        "cursor",
        "customer_id",
        "date_of_birth",
        "deleted",
        "description",
        "device_token",
        "discount",
        "discounts",
        "email",
        "email_notifications_enabled",
        "email_codes",
        "enabled",
        "event_types",
        "expires_in",
        "explain",
        "final",
        "free_bytes",
        "grant_type",
        "items",
        "kind",
        "label",
        "labels",
        "last_sequence",
        "latitude",
        "limit",
        "locked",
        "longitude",
        "manufacturer",
        "measured_at",
        "first_name",
        "full_name",
        "language",
        "last_name",
        "marketing_emails_enabled",
        "merchant_code",
        "merchants",
        "metadata",
        "method",
        "minutes",
        "model",
        "parameters",
        "priority",
        "modifiers",
        "name",
        "network",
        "mfa_token",
        "new_password",
        "object_type",
        "online",
        "operator",
        "os",
        "overlap",
        "package",
        "payment",
        "payment_token",
        "percent",
        "position",
        "password",
        "permissions",
        "phone_number",
        "preferred_currency",
        "price",
        "printer",
        "product_id",
        "proof",
        "provider_configs",
        "public_jwk",
        "q",
        "quantity",
        "on",
        "rate_limit_per_minute",
        "rate_ppm",
        "valid_from",
        "reason",
        "records",
        "reference",
        "refresh_token",
        "required_roles",
        "reset_token",
        "return_url",
        "scope",
        "security_patch",
        "selector",
        "sent_at",
        "push_notifications_enabled",
        "role",
        "secret",
        "serial_number",
        "service_charge",
        "signal_dbm",
        "signers",
        "sku",
        "sms_notifications_enabled",
        "state",
        "status",
        "storage",
        "store_code",
        "stores",
        "table",
        "tax_code",
        "temperature_c",
        "tendered",
        "ticket",
        "time_zone",
        "tip",
        "total_bytes",
        "type",
        "unit_price",
        "unsent",
        "uptime_s",
        "url",
        "value",
        "version",
        "version_code",
        "writes",
    }
)
# URLs that are not endpoints of the API, and may be read by anybody.
PAGES = frozenset({"v1/openapi.json", "v1/docs", "livez", "readyz", "metrics"})
# Who calls these is a caller no longer; that they end nobody else's session has a test of its own.
END_THE_CALLER = frozenset({"auth.logout"})
# Operations without a caller: their tests are at the end of `test_leaks`.
ANONYMOUS = frozenset(
    {
        "auth.jwks",
        "auth.login",
        "auth.metadata",
        "auth.mfa.email",
        "auth.mfa.enrol",
        "auth.mfa.verify",
        "auth.password.reset",
        "auth.password.reset_confirm",
        "auth.refresh",
        "auth.token",
        "devices.activate",
        "releases.download",
        "invitations.accept",
        "webhooks.receive",
        "webhooks.receive_for_account",
    }
)
