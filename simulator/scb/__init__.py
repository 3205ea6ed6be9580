"""SCB's Open API as its documentation describes it: token, bill payment QR codes, inquiry, payment confirmation."""
