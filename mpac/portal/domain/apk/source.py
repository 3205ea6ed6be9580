"""Bounded reading: of a file at given places, and of little-endian records in bytes. Whatever does not fit is refused."""

import os
from typing import BinaryIO

from mpac.portal.errors import ApkRefused


def malformed(message: str) -> ApkRefused:
    """The refusal of a file that is no proper package."""
    return ApkRefused(message, code="apk_malformed")


class Source:
    """A file that is read at given places and never as a whole."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)

    def read(self, at: int, size: int, what: str) -> bytes:
        """Exactly `size` bytes from `at`. Raises ApkRefused, naming `what` is cut off."""
        if at < 0 or size < 0 or at + size > self.size:
            raise malformed(f"The file is cut off, or lies about the place of its {what}.")
        self._file.seek(at)
        return self._file.read(size)


class Record:
    """Little-endian values one after the other. `what` names the record where it is refused."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data, self._at, self.what = data, 0, what

    @property
    def is_empty(self) -> bool:
        return self._at == len(self._data)

    def take(self, size: int) -> bytes:
        """The next `size` bytes. Raises ApkRefused when there are fewer."""
        if size > len(self._data) - self._at:
            raise malformed(f"The {self.what} is cut off or lies about a length.")
        self._at += size
        return self._data[self._at - size : self._at]

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def prefixed(self) -> bytes:
        """The bytes behind a length of 32 bits."""
        return self.take(self.u32())

    def sequence(self, *, at_most: int) -> list[bytes]:
        """A prefixed list of prefixed items."""
        inner, found = Record(self.prefixed(), self.what), []
        while not inner.is_empty:
            found.append(inner.prefixed())
            if len(found) > at_most:
                raise malformed(f"The {self.what} holds more than {at_most} items of one kind.")
        return found

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        """Nothing may follow. Raises ApkRefused."""
        if not self.is_empty:
            raise malformed(f"The {self.what} holds more than it should.")
