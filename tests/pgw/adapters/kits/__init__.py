"""The kits of all providers, by name."""

from tests.pgw.adapters.kits import adyen, kbank, omise, paypal, paypay, scb, stripe

KITS = {
    kit.name: kit for kit in (adyen.KIT, kbank.KIT, omise.KIT, paypal.KIT, paypay.KIT, scb.KIT, stripe.KIT)
}
