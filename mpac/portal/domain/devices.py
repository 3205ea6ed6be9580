"""The life of a terminal.

registered -> active <-> suspended
registered, active, suspended -> revoked        (final: a revoked terminal is registered anew)
"""

from enum import StrEnum


class DeviceStatus(StrEnum):
    """Where a terminal is in its life."""

    REGISTERED = "registered"  # announced, waiting for its activation code to be entered
    ACTIVE = "active"  # its key is bound; it may ask for tokens
    SUSPENDED = "suspended"  # its key is kept, its tokens are refused
    REVOKED = "revoked"  # its key will never be trusted again


TRANSITIONS: dict[DeviceStatus, frozenset[DeviceStatus]] = {
    DeviceStatus.REGISTERED: frozenset({DeviceStatus.ACTIVE, DeviceStatus.REVOKED}),
    DeviceStatus.ACTIVE: frozenset({DeviceStatus.SUSPENDED, DeviceStatus.REVOKED}),
    DeviceStatus.SUSPENDED: frozenset({DeviceStatus.ACTIVE, DeviceStatus.REVOKED}),
    DeviceStatus.REVOKED: frozenset(),
}
