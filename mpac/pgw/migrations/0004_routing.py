"""Routing: rules in versions, decisions, and the breakers of accounts."""

from django.db import migrations, models

import kernel.clock
import kernel.ids
import kernel.models
from kernel.partitions import CreatePartitionedModel


class Migration(migrations.Migration):
    dependencies = [
        ("pgw", "0004_partner_webhooks"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProviderBreaker",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("psp_id", models.IntegerField()),
                ("merchant_id", models.IntegerField()),
                ("created_at", models.DateTimeField(default=kernel.clock.now)),
                ("store_id", models.IntegerField()),
                ("provider", models.TextField()),
                ("mode", models.TextField(choices=[("enforced", "enforced"), ("dry_run", "dry run")])),
                (
                    "state",
                    models.TextField(
                        choices=[("closed", "closed"), ("open", "open"), ("half_open", "half open")]
                    ),
                ),
                ("state_at", models.DateTimeField()),
                (
                    "buckets",
                    models.JSONField(default=list, help_text="slice of the window, calls, failed, slow"),
                ),
                ("rests_until", models.DateTimeField(null=True)),
                ("rests", models.IntegerField(default=0, help_text="how many in a row")),
                ("trial_until", models.DateTimeField(null=True)),
                ("passed", models.IntegerField(default=0, help_text="good trials in a row")),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "db_table": "provider_breakers",
                "default_manager_name": "objects",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("mode__in", ["enforced", "dry_run"])),
                        name="provider_breakers_mode",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["closed", "open", "half_open"])),
                        name="provider_breakers_state",
                    ),
                    models.UniqueConstraint(
                        fields=("psp_id", "merchant_id", "store_id", "provider"),
                        name="provider_breakers_once",
                    ),
                ],
            },
        ),
        CreatePartitionedModel(
            name="RoutingDecision",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("psp_id", models.IntegerField()),
                ("merchant_id", models.IntegerField()),
                ("created_at", models.DateTimeField(default=kernel.clock.now)),
                ("store_id", models.IntegerField()),
                ("intent_id", models.UUIDField()),
                ("attempt_id", models.UUIDField()),
                ("provider", models.TextField(help_text="the account that was chosen")),
                (
                    "failover",
                    models.BooleanField(help_text="because the attempt before has provably not happened"),
                ),
                ("wanted_provider", models.TextField(help_text="the one that the caller named", null=True)),
                (
                    "method",
                    models.TextField(
                        choices=[
                            ("qr_code", "qr code"),
                            ("credit_card", "credit card"),
                            ("e_wallet", "e wallet"),
                            ("bank_transfer", "bank transfer"),
                            ("crypto", "crypto"),
                        ]
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("currency", kernel.models.CurrencyField()),
                ("livemode", models.BooleanField()),
                ("rules_id", models.UUIDField(null=True)),
                ("rule", models.TextField(help_text="the name of the rule that fitted", null=True)),
                (
                    "point",
                    models.SmallIntegerField(
                        help_text="where the split put the payment, from 0 to 99", null=True
                    ),
                ),
                ("candidates", models.JSONField()),
            ],
            options={
                "db_table": "routing_decisions",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["psp_id", "merchant_id", "intent_id", "id"],
                        name="routing_decisions_of_intent",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RoutingRules",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("psp_id", models.IntegerField()),
                ("merchant_id", models.IntegerField()),
                ("created_at", models.DateTimeField(default=kernel.clock.now)),
                (
                    "only_store_id",
                    models.IntegerField(help_text="empty for all stores of the merchant", null=True),
                ),
                ("version", models.IntegerField()),
                (
                    "document",
                    models.JSONField(help_text="rules, costs and what to do when all accounts rest"),
                ),
                ("note", models.TextField(default="", help_text="why")),
                ("published_by", models.TextField()),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name_plural": "routing rules",
                "db_table": "routing_rules",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("psp_id", "merchant_id", "only_store_id", "version"),
                        name="routing_rules_version",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_until", None),
                            ("valid_until__gte", models.F("valid_from")),
                            _connector="OR",
                        ),
                        name="routing_rules_validity",
                    ),
                ],
            },
        ),
    ]
