"""SCB Open API: Thai QR30 bill payment. Facts: developer documentation of SCB, recorded in the project's domain notes."""
