"""KBank QR Payment API: Thai QR. Facts: KBank's developer documentation and implementers, in the domain notes."""
