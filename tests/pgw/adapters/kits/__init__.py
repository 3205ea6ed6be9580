"""The kits of all providers, by name."""

from tests.pgw.adapters.kits import adyen, kbank, omise, paypay, scb, stripe

KITS = {kit.name: kit for kit in (adyen.KIT, kbank.KIT, omise.KIT, paypay.KIT, scb.KIT, stripe.KIT)}
