"""PayPay's Open Payment API as documented: dynamic codes, holds, refunds, unsigned notices."""
