"""Copying the hierarchy from portal into the gateway's mirror, and proving that both agree."""
