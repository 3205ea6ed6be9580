"""The WebSocket of terminals: pushes what the device's event log holds. A hint; the log is the truth."""
