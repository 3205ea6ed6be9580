"""PayPal: orders, their payers, and signed notices."""
