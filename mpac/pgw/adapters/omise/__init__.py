"""Omise (Opn): cards by token, and PromptPay."""
