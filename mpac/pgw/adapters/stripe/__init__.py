"""Stripe: cards by token, and PromptPay."""
