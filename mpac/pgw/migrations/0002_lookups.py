"""The currencies and payment methods that every tenant shares."""

from django.db import migrations

CURRENCIES = [
    ("USD", "US Dollar", "$", 2),
    ("EUR", "Euro", "€", 2),
    ("GBP", "British Pound", "£", 2),
    ("JPY", "Japanese Yen", "¥", 0),
    ("THB", "Thai Baht", "฿", 2),
]
METHODS = [
    ("qr_code", "QR code"),
    ("credit_card", "Credit or debit card"),
    ("e_wallet", "E-wallet"),
    ("bank_transfer", "Bank transfer"),
    ("crypto", "Cryptocurrency"),
]


def fill(apps, schema_editor):
    """Insert what is missing; an operator's changes are kept."""
    alias = schema_editor.connection.alias
    currency, method = apps.get_model("pgw", "Currency"), apps.get_model("pgw", "PaymentMethod")
    for code, name, symbol, exponent in CURRENCIES:
        currency.objects.using(alias).get_or_create(
            code=code, defaults={"name": name, "symbol": symbol, "exponent": exponent}
        )
    for code, name in METHODS:
        method.objects.using(alias).get_or_create(code=code, defaults={"name": name})


class Migration(migrations.Migration):
    dependencies = [("pgw", "0001_initial")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
