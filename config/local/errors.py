"""What can go wrong on the way up; the text is what the person at the keyboard reads."""


class LocalPlatformError(Exception):
    """The local platform cannot start or go on."""


class StateInUse(LocalPlatformError):
    """Another platform already runs on this state directory."""


class PortInUse(LocalPlatformError):
    """A port that the platform needs is taken."""


class ServerFailed(LocalPlatformError):
    """An embedded server did not come up."""


class StepFailed(LocalPlatformError):
    """A command that prepares the platform exited with an error."""


class Interrupted(LocalPlatformError):
    """Somebody asked the platform to stop before it was up."""
