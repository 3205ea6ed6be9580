"""Django's PostgreSQL backend, hardened for a server that goes away and comes back."""
