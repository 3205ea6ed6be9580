"""Writes of the gateway, one use-case family a file."""
