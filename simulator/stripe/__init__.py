"""Stripe's API as documented: payment intents, refunds, signed events."""
