"""Sync over HTTP, for services and operators."""
