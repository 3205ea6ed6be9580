"""PayPal: orders that their payer approves at PayPal."""
