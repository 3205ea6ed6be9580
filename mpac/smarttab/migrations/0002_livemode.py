"""Orders and bills know their mode, so that test keys and test terminals never meet real sales."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("smarttab", "0001_initial")]

    operations = [
        migrations.AddField("order", "livemode", models.BooleanField(db_default=False)),
        migrations.AddField("bill", "livemode", models.BooleanField(db_default=False)),
    ]
