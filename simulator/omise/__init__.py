"""Omise's API as documented: charges with card tokens and PromptPay sources, refunds, signed events."""
