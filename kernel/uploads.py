"""How much of a file is taken from a form. Django reads a form before it knows who sends it, so the bound holds for anybody."""

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, StopUpload

MAX_BYTES = 4 * 1024 * 1024


class BoundedUploadHandler(FileUploadHandler):
    """Hangs up beyond the bound, over all files of a form; stands before the handlers that keep what comes."""

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self._taken = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Let a chunk through to the next handler. Raises StopUpload beyond the bound."""
        self._taken += len(raw_data)
        if self._taken > MAX_BYTES:
            raise StopUpload(connection_reset=True)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The next handler has the file."""
