"""Captures and refunds, and what they reserve and settle on an intent."""

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import kernel.clock
import kernel.ids
import kernel.models
import mpac.pgw.domain.attempts
import mpac.pgw.domain.captures
import mpac.pgw.domain.movements
import mpac.pgw.domain.refunds


class Migration(migrations.Migration):
    dependencies = [
        ("pgw", "0002_lookups"),
    ]

    operations = [
        migrations.CreateModel(
            name="Capture",
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
                (
                    "status",
                    models.TextField(
                        choices=[
                            ("processing", "processing"),
                            ("completed", "completed"),
                            ("failed", "failed"),
                        ]
                    ),
                ),
                ("status_at", models.DateTimeField()),
                ("version", models.IntegerField(default=1)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", kernel.models.CurrencyField()),
                ("final", models.BooleanField(help_text="what is not captured with it is let go")),
                ("provider", models.TextField()),
                ("operation_key", models.TextField(help_text="our key of this capture at the provider")),
                ("provider_reference", models.TextField(null=True)),
                ("livemode", models.BooleanField()),
                ("requested_by", models.TextField()),
                ("idempotency_key", models.TextField()),
                ("error_code", models.TextField(null=True)),
                ("error_message", models.TextField(null=True)),
                ("probes", models.IntegerField(default=0)),
                ("next_probe_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "captures",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Refund",
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
                (
                    "status",
                    models.TextField(
                        choices=[
                            ("pending", "pending"),
                            ("processing", "processing"),
                            ("completed", "completed"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                            ("reversed", "reversed"),
                        ]
                    ),
                ),
                ("status_at", models.DateTimeField()),
                ("version", models.IntegerField(default=1)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", kernel.models.CurrencyField()),
                ("reason", models.TextField()),
                ("provider", models.TextField()),
                ("operation_key", models.TextField(help_text="our key of this refund at the provider")),
                ("payment_reference", models.TextField(help_text="the movement of money that is given back")),
                ("provider_reference", models.TextField(null=True)),
                ("livemode", models.BooleanField()),
                (
                    "manual",
                    models.BooleanField(help_text="sent by people, because the provider has no call for it"),
                ),
                ("requested_by", models.TextField()),
                (
                    "evidence",
                    models.JSONField(help_text="what shows that a manual refund was sent", null=True),
                ),
                ("evidence_by", models.TextField(null=True)),
                ("approved_by", models.TextField(null=True)),
                ("idempotency_key", models.TextField()),
                ("error_code", models.TextField(null=True)),
                ("error_message", models.TextField(null=True)),
                ("probes", models.IntegerField(default=0)),
                ("next_probe_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "refunds",
                "default_manager_name": "objects",
            },
        ),
        migrations.RemoveConstraint(
            model_name="paymentattempt",
            name="payment_attempts_captured",
        ),
        migrations.RemoveConstraint(
            model_name="paymentintent",
            name="payment_intents_captured",
        ),
        migrations.RemoveConstraint(
            model_name="paymentintent",
            name="payment_intents_refunded",
        ),
        migrations.RemoveConstraint(
            model_name="providerreference",
            name="provider_references_once",
        ),
        migrations.AddField(
            model_name="intentevent",
            name="capture_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="intentevent",
            name="refund_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="capture_before",
            field=models.DateTimeField(help_text="when the provider lets held money go", null=True),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="capturing_minor",
            field=models.BigIntegerField(default=0, help_text="reserved by captures in flight"),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="refunding_minor",
            field=models.BigIntegerField(default=0, help_text="reserved by refunds under way"),
        ),
        migrations.AddField(
            model_name="paymenttransaction",
            name="operation_id",
            field=models.UUIDField(help_text="the capture or refund that it is about", null=True),
        ),
        migrations.AddField(
            model_name="providerreference",
            name="kind",
            field=models.TextField(
                choices=[("payment", "payment"), ("refund", "refund")],
                default=mpac.pgw.domain.movements.MovementKind["PAYMENT"],
            ),
        ),
        migrations.AddField(
            model_name="webhookkey",
            name="operation_key",
            field=models.TextField(
                default="", help_text="our key of the refund, when the notice is about one"
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("captured_minor__gt", 0),
                        ("captured_minor__lte", models.F("amount_minor")),
                        ("status", mpac.pgw.domain.attempts.AttemptStatus["CAPTURED"]),
                    ),
                    models.Q(
                        ("captured_minor__gte", 0),
                        ("captured_minor__lt", models.F("amount_minor")),
                        ("status", mpac.pgw.domain.attempts.AttemptStatus["AUTHORIZED"]),
                    ),
                    models.Q(
                        models.Q(
                            (
                                "status__in",
                                [
                                    mpac.pgw.domain.attempts.AttemptStatus["CAPTURED"],
                                    mpac.pgw.domain.attempts.AttemptStatus["AUTHORIZED"],
                                ],
                            ),
                            _negated=True,
                        ),
                        ("captured_minor", 0),
                    ),
                    _connector="OR",
                ),
                name="payment_attempts_captured",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentintent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("authorized_minor__lte", models.F("amount_minor")),
                    ("captured_minor__gte", 0),
                    ("capturing_minor__gte", 0),
                    (
                        "capturing_minor__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("authorized_minor"), "-", models.F("captured_minor")
                        ),
                    ),
                ),
                name="payment_intents_captured",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentintent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("refunded_minor__gte", 0),
                    ("refunding_minor__gte", 0),
                    (
                        "refunding_minor__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("captured_minor"), "-", models.F("refunded_minor")
                        ),
                    ),
                ),
                name="payment_intents_refunded",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerreference",
            constraint=models.UniqueConstraint(
                fields=("psp_id", "merchant_id", "provider", "kind", "reference"),
                name="provider_references_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerreference",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["payment", "refund"])), name="provider_references_kind"
            ),
        ),
        migrations.AddField(
            model_name="capture",
            name="attempt",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="pgw.paymentattempt",
            ),
        ),
        migrations.AddField(
            model_name="capture",
            name="intent",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="captures",
                to="pgw.paymentintent",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="attempt",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="pgw.paymentattempt",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="intent",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refunds",
                to="pgw.paymentintent",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="late_payment",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="pgw.latepayment",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="retry_of",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="pgw.refund",
            ),
        ),
        migrations.AddIndex(
            model_name="capture",
            index=models.Index(fields=["psp_id", "merchant_id", "intent", "id"], name="captures_of_intent"),
        ),
        migrations.AddIndex(
            model_name="capture",
            index=models.Index(
                condition=models.Q(("next_probe_at__isnull", False)),
                fields=["next_probe_at"],
                name="captures_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="capture",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["processing", "completed", "failed"])),
                name="captures_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="capture",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="captures_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="capture",
            constraint=models.UniqueConstraint(
                fields=("psp_id", "merchant_id", "idempotency_key"), name="captures_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="capture",
            constraint=models.UniqueConstraint(
                fields=("psp_id", "merchant_id", "provider", "operation_key"), name="captures_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="capture",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", mpac.pgw.domain.captures.CaptureStatus["PROCESSING"])),
                fields=("psp_id", "merchant_id", "intent"),
                name="captures_one_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="capture",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", mpac.pgw.domain.captures.CaptureStatus["PROCESSING"]), _negated=True),
                    ("next_probe_at__isnull", False),
                    _connector="OR",
                ),
                name="captures_asked_about",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["psp_id", "merchant_id", "intent", "id"], name="refunds_of_intent"),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("next_probe_at__isnull", False)),
                fields=["next_probe_at"],
                name="refunds_due",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["operation_key"], name="refunds_by_key"),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["pending", "processing", "completed", "failed", "cancelled", "reversed"])
                ),
                name="refunds_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="refunds_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                fields=("psp_id", "merchant_id", "idempotency_key"), name="refunds_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                fields=("psp_id", "merchant_id", "provider", "operation_key"), name="refunds_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                fields=("psp_id", "merchant_id", "retry_of"), name="refunds_retried_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            mpac.pgw.domain.refunds.RefundStatus["COMPLETED"],
                            mpac.pgw.domain.refunds.RefundStatus["PENDING"],
                            mpac.pgw.domain.refunds.RefundStatus["PROCESSING"],
                        ],
                    )
                ),
                fields=("psp_id", "merchant_id", "late_payment"),
                name="refunds_late_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", mpac.pgw.domain.refunds.RefundStatus["PENDING"]), _negated=True),
                    ("manual", True),
                    _connector="OR",
                ),
                name="refunds_pending",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", mpac.pgw.domain.refunds.RefundStatus["PROCESSING"]), _negated=True),
                    ("next_probe_at__isnull", False),
                    _connector="OR",
                ),
                name="refunds_asked_about",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("manual", True),
                        (
                            "status__in",
                            [
                                mpac.pgw.domain.refunds.RefundStatus["COMPLETED"],
                                mpac.pgw.domain.refunds.RefundStatus["REVERSED"],
                            ],
                        ),
                        _negated=True,
                    ),
                    models.Q(
                        models.Q(("approved_by", models.F("evidence_by")), _negated=True),
                        models.Q(("approved_by", models.F("requested_by")), _negated=True),
                        ("approved_by__isnull", False),
                        ("evidence__isnull", False),
                        ("evidence_by__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="refunds_two_people",
            ),
        ),
    ]
