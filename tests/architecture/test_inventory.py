"""Everything that could be forgotten is entered here: a new table, role, scope, event, reaction, job or crash point fails
until somebody has said whose it is.
"""

import json
import re
from pathlib import Path

from django.conf import settings

from config.celery import app
from kernel import events, handlers, jobs
from kernel.crashpoints import CRASHPOINTS
from kernel.migrate import tables_of
from kernel.schema import rules_of
from kernel.tenancy import SYSTEM_SCOPES
from mpac.smarttab.ws.routing import websocket_urlpatterns

OPENAPI = Path(__file__).parents[2] / "docs" / "api" / "openapi.json"
# Whose rows each table holds: how far row-level security narrows it, None where it has no tenant.
PLUMBING = {"outbox": "optional", "inbox": None, "idempotency_keys": "key", "nonces": None, "job_runs": None}
TABLES = {
    "portal": PLUMBING
    | {
        "psps": "psp",
        "merchants": "merchant",
        "stores": "store",
        "provider_configs": "store",
        "devices": "store",
        "device_status_changes": "store",
        "device_kills": "store",
        "device_reports": "store",
        "device_report_samples": "store",
        "device_groups": "provider",
        "device_group_members": "store",
        "device_preregistrations": "optional",
        "device_imports": "optional",
        "client_assertions": "store",
        "command_batches": "store",
        "commands": "store",
        "command_status_changes": "store",
        "setting_values": "inherited",
        "setting_changes": "inherited",
        "api_keys": "psp",
        "apps": "psp",
        "app_releases": "psp",
        "rollouts": "psp",
        "device_updates": "store",
        "revocations": "psp",
        "memberships": "optional",
        "users": None,
        "user_profiles": None,
        "user_preferences": None,
        "roles": "psp",
        "invitations": "optional",
        "impersonations": "optional",
        "authenticators": None,
        "authentication_logs": None,
        "former_passwords": None,
        "known_devices": None,
        "login_challenges": None,
        "login_policies": "psp",
        "login_throttles": None,
        "mails": None,
        "password_resets": None,
        "recovery_codes": None,
        "refresh_tokens": None,
        "sessions": None,
        "signing_keys": None,
    },
    "audit": PLUMBING | {"audit_events": "store", "audit_chains": "psp"},
    "pgw": PLUMBING
    | {
        "client_partners": "psp",
        "merchants": "merchant",
        "stores": "store",
        "store_provider_configs": "store",
        "payment_intents": "store",
        "payment_intent_events": "store",
        "payment_attempts": "store",
        "attempt_evidence": "store",
        "payment_transactions": "store",
        "provider_references": "store",
        "captures": "store",
        "refunds": "store",
        "late_payments": "store",
        "disputes": "store",
        "dispute_events": "store",
        "statement_files": "merchant",
        "statement_lines": "merchant",
        "statement_references": "merchant",
        "reconciliation_exceptions": "merchant",
        "exception_events": "merchant",
        "webhook_events": "optional",
        "webhook_keys": "optional",
        "console_entries": "optional",
        "routing_rules": "merchant",
        "routing_decisions": "store",
        "provider_breakers": "store",
        "webhook_endpoints": "psp",
        "webhook_deliveries": "psp",
        "webhook_attempts": "psp",
        "partner_events": "store",
        "currencies": None,
        "payment_methods": None,
    },
    "smarttab": PLUMBING
    | {
        "orders": "store",
        "order_lines": "store",
        "order_counters": "store",
        "bills": "store",
        "payments": "store",
        "state_changes": "store",
        "device_streams": "store",
        "device_events": "store",
        "tax_rates": None,
    },
    "sync": PLUMBING,
}
# Django's own and those of the console's sign-in, in portal's schema; every schema has its list of migrations.
DJANGOS = {
    "django_admin_log",
    "django_content_type",
    "django_session",
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
}
SCOPES = {
    "administration",
    "authentication",
    "console",
    "expiry",
    "invariants",
    "metrics",
    "partner_calls",
    "realtime",
    "relay",
    "replay",
    "resolver",
    "seed",
    "service",
    "sync",
    "upkeep",
    "webhooks",
}
JOBS = {
    "portal": {
        "advance_key_rotation",
        "advance_rollouts",
        "drop_partitions",
        "ensure_partitions",
        "expire_commands",
        "find_silent_devices",
        "forget_commands",
        "forget_expired",
        "import_devices",
        "remove_expired",
        "trim_lists",
    },
    "audit": {"drop_partitions", "ensure_partitions", "remove_expired", "set_aside_old_months"},
    "pgw": {
        "call_partners",
        "drop_partitions",
        "ensure_partitions",
        "expire_intents",
        "give_up_webhooks",
        "remove_expired",
        "resolve_attempts",
        "resolve_captures",
        "resolve_refunds",
        "retry_webhooks",
    },
    "smarttab": {
        "drop_partitions",
        "ensure_partitions",
        "remove_expired",
        "resume_payments",
        "trim_device_logs",
    },
    "sync": {"drop_partitions", "ensure_partitions", "reconcile", "remove_expired"},
}
# How many days a table's partitions live; the others are kept until somebody archives them.
KEPT = {
    ("portal", "device_report_samples"): 90,
    ("portal", "authentication_logs"): 365,
    ("pgw", "webhook_events"): 90,
    ("pgw", "webhook_attempts"): 90,
    ("pgw", "webhook_deliveries"): 365,
    ("pgw", "routing_decisions"): 365,
    **{(name, "outbox"): 365 for name in TABLES},
}
# Every event, and who reacts to it.
EVENTS: dict[str, set[str]] = {
    "audit.recorded": {"audit.append"},
    "portal.api_key_issued": set(),
    "portal.api_key_revoked": set(),
    "portal.command_batch_cancelled": {"portal.cancel_rest_of_batch"},
    "portal.command_batch_due": {"portal.expand_command_batch"},
    "portal.command_finished": set(),
    "portal.commands_created": {"smarttab.tell_command_created"},
    "portal.config_changed": {"portal.spread_config_news"},
    "portal.config_reached": {"smarttab.tell_config_changed"},
    "portal.config_spread": {"portal.spread_config_news"},
    "portal.device_activated": set(),
    "portal.device_heard_again": set(),
    "portal.device_killed": {"pgw.cancel_intents_of_killed", "smarttab.cancel_payments_of_killed"},
    "portal.device_registered": set(),
    "portal.device_replaced": set(),
    "portal.device_silent": set(),
    "portal.device_status_changed": set(),
    "portal.mail_posted": {"portal.send_mail"},
    "portal.merchant_changed": {"sync.copy_merchant"},
    "portal.provider_config_changed": {"sync.copy_merchant"},
    "portal.release_uploaded": set(),
    "portal.rollout_changed": set(),
    "portal.update_available": {"smarttab.tell_update_available"},
    "portal.psp_changed": {"sync.copy_provider"},
    "portal.store_changed": {"sync.copy_merchant"},
    "pgw.dispute_closed": {"pgw.tell_partner"},
    "pgw.dispute_opened": {"pgw.tell_partner"},
    "pgw.dispute_updated": {"pgw.tell_partner"},
    "pgw.late_payment_received": {"pgw.tell_partner", "smarttab.decide_late_payment"},
    "pgw.late_payment_return_due": {"pgw.tell_partner"},
    "pgw.payment_intent_amount_capturable": {"pgw.tell_partner"},
    "pgw.payment_intent_action_required": {"pgw.tell_partner", "smarttab.show_next_action"},
    "pgw.payment_intent_cancelled": {"pgw.tell_partner", "smarttab.cancel_payment"},
    "pgw.payment_intent_created": {"pgw.tell_partner"},
    "pgw.payment_intent_declined": {"pgw.tell_partner", "smarttab.decline_payment"},
    "pgw.payment_intent_expired": {"pgw.tell_partner", "smarttab.expire_payment"},
    "pgw.payment_intent_failed": {"pgw.tell_partner", "smarttab.fail_payment"},
    "pgw.payment_intent_processing": {"pgw.tell_partner"},
    "pgw.payment_intent_succeeded": {"pgw.tell_partner", "smarttab.complete_payment"},
    "pgw.refund_cancelled": {"pgw.tell_partner"},
    "pgw.refund_completed": {"pgw.tell_partner"},
    "pgw.refund_created": {"pgw.tell_partner"},
    "pgw.refund_failed": {"pgw.tell_partner"},
    "pgw.refund_reversed": {"pgw.tell_partner"},
    "pgw.webhook_endpoint_disabled": {"pgw.tell_partner"},
    "smarttab.bill_updated": set(),
    "smarttab.late_payment_decided": {"smarttab.carry_late_decision"},
    "smarttab.order_created": set(),
    "smarttab.order_updated": set(),
    "smarttab.payment_completed": {"portal.count_payments"},
    "smarttab.payment_failed": {"portal.count_payments"},
}
CRASHES = {
    "pgw.answer_committed",
    "pgw.attempt_sent",
    "pgw.capture_answered",
    "pgw.capture_committed",
    "pgw.capture_sent",
    "pgw.provider_answered",
    "pgw.finish_answered",
    "pgw.finish_committed",
    "pgw.finish_sent",
    "pgw.partner_called",
    "pgw.refund_answered",
    "pgw.refund_committed",
    "pgw.refund_sent",
    "pgw.void_answered",
    "pgw.void_committed",
    "pgw.void_sent",
    "pgw.webhook_applied",
    "pgw.webhook_stored",
    "smarttab.cancel_requested",
    "smarttab.intent_confirmed",
    "smarttab.intent_created",
    "smarttab.payment_begun",
}


def test_contexts_are_entered():
    assert set(settings.MPAC_CONTEXTS) == set(TABLES) == set(JOBS)


def test_tables_are_entered_with_their_tenant():
    found = {
        name: {model._meta.db_table: rules.tenant for model in tables_of(alias) if (rules := rules_of(model))}
        for name, alias in settings.MPAC_CONTEXTS.items()
    }
    assert found == TABLES


def test_tables_in_the_database_are_entered(superuser):
    found = superuser.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition"
        "   AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_t'"
    ).fetchall()
    entered = {(name, table) for name, tables in TABLES.items() for table in (*tables, "django_migrations")}
    entered |= {("portal", table) for table in DJANGOS} | {("public", "kept")}  # the suite's own
    assert set(found) == entered


def test_tables_that_lose_partitions_are_entered_and_documented():
    found = {
        (name, model._meta.db_table): rules.keep.days
        for name, alias in settings.MPAC_CONTEXTS.items()
        for model in tables_of(alias)
        if (rules := rules_of(model)) and rules.keep
    }
    assert found == KEPT
    page = (settings.BASE_DIR / "docs" / "retention.md").read_text()
    assert dict(re.findall(r"^\| `(\w+)` \| (\d+) days", page, re.MULTILINE)) == {
        table: str(days) for (_name, table), days in KEPT.items()
    }


def test_roles_are_an_owner_and_a_runtime_role_for_each_context(superuser):
    found = superuser.execute(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication FROM pg_roles"
        " WHERE rolname !~ '^pg_' AND rolname <> current_user"
    ).fetchall()
    roles = {f"mpac_{name}{suffix}" for name in TABLES for suffix in ("", "_owner")}
    assert set(found) == {(role, False, False, False, False, False) for role in roles}


def test_roles_are_members_of_nothing(superuser):
    found = superuser.execute(
        "SELECT pg_get_userbyid(roleid), pg_get_userbyid(member) FROM pg_auth_members"
        " WHERE pg_get_userbyid(member) ~ '^mpac_'"
    )
    assert found.fetchall() == []


def test_system_scopes_are_entered_and_say_why():
    assert set(SYSTEM_SCOPES) == SCOPES
    assert all(SYSTEM_SCOPES.values())


def test_jobs_are_entered_and_run_with_their_contexts_role():
    found = {name: {job.name for job in jobs.registered() if job.db.name == name} for name in TABLES}
    assert found == {name: {f"{name}.{job}" for job in own} for name, own in JOBS.items()}
    assert {job.db.name for job in jobs.registered()} <= set(TABLES)


def test_tasks_are_the_one_that_runs_jobs():
    assert {task for task in app.tasks if not task.startswith("celery.")} == {"mpac.run_job"}


def test_events_and_reactions_are_entered():
    found = {
        kind: {handler.consumer for handler in handlers.handlers_of(kind)}
        for kind in events.registered()
        if not kind.startswith("test.")  # the kernel's tests
    }
    assert found == EVENTS


def test_crash_points_are_entered():
    assert {name for name in CRASHPOINTS if not name.startswith("test.")} == CRASHES


def test_websocket_addresses_are_entered():
    """A terminal's own log is all there is; it names no object, so there is nothing foreign to ask for."""
    assert {str(each.pattern) for each in websocket_urlpatterns} == {"ws/v1/terminal"}


# --- what is answered -----------------------------------------------------------------------------------------------

# Reports of how things stand, in the form that the contract gives them.
REPORTS = {"SyncRun", "SyncStatus"}


def test_every_object_says_which_it_is_and_since_when():
    document = json.loads(OPENAPI.read_text())
    objects = {
        name: set(schema["properties"])
        for name, schema in document["components"]["schemas"].items()
        if "object" in schema.get("properties", {})
    }
    bare = {name for name, properties in objects.items() if not {"id", "created_at"} <= properties}
    assert bare == REPORTS
