"""KBank's QR Payment API as documented: token, Thai QR, inquiry, cancel, void, settlement, unsigned callbacks."""
