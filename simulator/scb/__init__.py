"""SCB's Open API as documented: token, bill payment QR codes, inquiry, payment confirmation."""
