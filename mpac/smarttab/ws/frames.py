"""The frames of the terminal's WebSocket: what a client may say, strictly, and how often it may."""

from typing import Annotated, Any

import msgspec

from mpac.smarttab.dto import LoggedEvent

MAX_FRAME_CHARS = 8192
FRAMES_PER_SECOND = 20.0
BURST = 40.0

Seq = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Resume(msgspec.Struct, tag="resume", tag_field="type", forbid_unknown_fields=True):
    """Push everything after this sequence, then what is new."""

    after: Seq


class Ack(msgspec.Struct, tag="ack", tag_field="type", forbid_unknown_fields=True):
    """The terminal has taken in everything up to this sequence."""

    seq: Seq


class Auth(msgspec.Struct, tag="auth", tag_field="type", forbid_unknown_fields=True):
    """A fresh access token for this connection."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class Ping(msgspec.Struct, tag="ping", tag_field="type", forbid_unknown_fields=True):
    """Are you there?"""


ClientFrame = Resume | Ack | Auth | Ping


class FrameRefused(Exception):
    """A frame that breaks the protocol; `code` goes into the error frame, `close` ends the connection."""

    def __init__(self, code: str, message: str, *, close: int) -> None:
        super().__init__(message)
        self.code = code
        self.close = close


class FrameBudget:
    """How many frames a client may still send: a bucket that refills with time."""

    def __init__(self) -> None:
        self._left = BURST
        self._at = 0.0

    def spend(self, *, at: float) -> None:
        """Count one frame at a monotonic instant in seconds. Raises FrameRefused when there were too many."""
        self._left = min(BURST, self._left + max(0.0, at - self._at) * FRAMES_PER_SECOND)
        self._at = at
        if self._left < 1:
            raise FrameRefused("too_many_frames", "Too many frames; slow down.", close=4429)
        self._left -= 1


_decoder: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)


def decode(text: str | None) -> ClientFrame:
    """Read a client's frame. Raises FrameRefused for anything that is not exactly one."""
    if text is None:
        raise FrameRefused("malformed_frame", "Frames are JSON text.", close=4400)
    if len(text) > MAX_FRAME_CHARS:
        raise FrameRefused("frame_too_large", "The frame is too large.", close=4400)
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise FrameRefused("malformed_frame", "This is no frame of this protocol.", close=4400) from None


def event_frame(event: LoggedEvent) -> str:
    """Show an event as it is pushed."""
    return _text({"type": "event", "seq": event.seq, "event": event.event})


def plain_frame(kind: str, **fields: Any) -> str:
    """Show any other server frame."""
    return _text({"type": kind, **fields})


def _text(frame: dict[str, Any]) -> str:
    return msgspec.json.encode(frame).decode()
