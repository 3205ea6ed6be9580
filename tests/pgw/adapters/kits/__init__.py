"""The kits of all providers, by name."""

from tests.pgw.adapters.kits import omise, scb, stripe

KITS = {kit.name: kit for kit in (omise.KIT, scb.KIT, stripe.KIT)}
