"""Where the files of releases are kept: the storage `packages` of the settings, a folder or a bucket of S3.

A file is kept under a name made of its contents, so that keeping it twice is keeping it once.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from kernel.errors import NotFound, Unavailable
from kernel.logs import get_logger
from mpac.portal import conf

logger = get_logger(__name__)

STORE = "packages"


class Incoming(File):
    """An upload in a file of its own, which a store on the same disk takes over as it is."""

    def temporary_file_path(self) -> str:
        return str(self.name)


@contextmanager
def incoming() -> Iterator[BinaryIO]:
    """A new file for an upload, gone afterwards unless a store took it over."""
    folder = conf.packages_folder() / "incoming"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        try:
            yield cast("BinaryIO", file)
        finally:
            Path(file.name).unlink(missing_ok=True)


def keep_package(file: BinaryIO, *, name: str) -> None:
    """Keep an incoming file under `name`, unless there is one. Raises Unavailable."""
    store = storages[STORE]
    try:
        if not store.exists(name):
            store.save(name, Incoming(file, name=file.name))
    except Exception as error:
        logger.exception("the store of packages failed")
        raise Unavailable("Packages cannot be stored just now.", retry_after_s=30) from error


def open_package(name: str) -> BinaryIO:
    """Read a package that the platform itself keeps. Raises NotFound."""
    store = storages[STORE]
    if not _is_ours(store) or not store.exists(name):
        raise NotFound
    return cast("BinaryIO", store.open(name))


def find_address(name: str) -> str | None:
    """Where anybody can read a package for a while, or None where the platform itself serves it."""
    store: Any = storages[STORE]
    return None if _is_ours(store) else str(store.url(name, expire=conf.DOWNLOAD_TTL_S))


def _is_ours(store: Storage) -> bool:
    return isinstance(store, FileSystemStorage)
