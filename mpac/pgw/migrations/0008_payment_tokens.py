"""A charge's token, sealed while its call may still be made, and where a customer comes back to."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("pgw", "0007_console"),
    ]

    operations = [
        migrations.AddField(
            model_name="paymentattempt",
            name="payment_token_sealed",
            field=models.TextField(null=True),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="return_url",
            field=models.TextField(null=True),
        ),
        migrations.AddConstraint(
            model_name="paymentattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("payment_token_sealed", None),
                    ("status__in", ["created", "sent", "unknown"]),
                    _connector="OR",
                ),
                name="payment_attempts_token",
            ),
        ),
    ]
