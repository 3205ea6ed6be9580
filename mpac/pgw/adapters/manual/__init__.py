"""Money that comes without a provider's call: a bank transfer, or what else a store agrees on."""
