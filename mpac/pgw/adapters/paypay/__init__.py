"""PayPay Open Payment API: dynamic codes in yen. Facts: PayPay's developer documentation and SDKs, in the domain notes."""
