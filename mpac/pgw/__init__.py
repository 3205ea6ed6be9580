"""The payment gateway: intents, attempts, providers and their callbacks."""
