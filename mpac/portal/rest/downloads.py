"""Downloads of releases that the platform keeps itself: whole or in part (RFC 9110 sections 13 and 14).

Slow terminals must not take all threads, so only some are served at once; the others come again.
"""

import re
import threading
from collections.abc import Iterator
from typing import BinaryIO

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from kernel.errors import Unavailable
from kernel.rest import Endpoint, Request, operation
from kernel.rest.problems import problem
from mpac.portal import conf
from mpac.portal.adapters.packages import open_package
from mpac.portal.db import db
from mpac.portal.models import AppRelease
from mpac.portal.rest.app_bodies import Download
from mpac.portal.rest.apps import APK
from mpac.portal.services.downloads import check_download

CHUNK = 128 * 1024
RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")
_downloads = threading.BoundedSemaphore(conf.DOWNLOADS_AT_ONCE)


class NotSatisfiable(Exception):
    """The range begins behind the end."""


class DownloadEndpoint(Endpoint):
    """One file, for who has its address."""

    db = db
    authentication_classes = ()

    @operation(
        "releases.download",
        summary="Download a release, or a part of it, by the address that a terminal was given",
        query=Download,
        errors=(403,),
        media_type=APK,
        if_none_match=True,
        ranges=True,
        headers=("ETag", "Accept-Ranges", "Cache-Control"),
    )
    def get(self, request: Request, query: Download, release_id: str) -> HttpResponseBase:
        release = check_download(
            release_id=release_id,
            device=query.device,
            expires=query.expires,
            signature=query.signature,
            now=self.now,
        )
        headers = {"Accept-Ranges": "bytes", "ETag": f'"{release.sha256}"', "Cache-Control": "private"}
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return HttpResponse(status=304, headers=headers)
        try:
            part = _part(request, release)
        except NotSatisfiable:
            return problem(
                416,
                code="range_not_satisfiable",
                detail="The range begins behind the end of the file.",
                headers=headers | {"Content-Range": f"bytes */{release.size_bytes}"},
            )
        start, end = part or (0, release.size_bytes)
        headers["Content-Length"] = str(end - start)
        if part is not None:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{release.size_bytes}"
        status = 200 if part is None else 206
        if request.method == "HEAD":
            return HttpResponse(status=status, headers=headers, content_type=APK)
        return _stream(release, start, end, status=status, headers=headers)


def _part(request: Request, release: AppRelease) -> tuple[int, int] | None:
    """The one range that is asked for, from its first byte to behind its last; None is the whole file.

    A range of another version of the file (If-Range), several ranges, and what is no range at all mean the whole. Raises
    NotSatisfiable.
    """
    match = RANGE.fullmatch(request.headers.get("Range", "").strip())
    of = request.headers.get("If-Range")
    if match is None or (of is not None and of != f'"{release.sha256}"'):
        return None
    first, last, final = match.groups()
    size = release.size_bytes
    if final is not None:
        if not int(final):
            raise NotSatisfiable
        return max(size - int(final), 0), size
    start, end = int(first), min(int(last) + 1, size) if last else size
    if start >= size:
        raise NotSatisfiable
    return (start, end) if start < end else None


def _stream(
    release: AppRelease, start: int, end: int, *, status: int, headers: dict[str, str]
) -> StreamingHttpResponse:
    if not _downloads.acquire(blocking=False):
        raise Unavailable("Too many downloads at once; come again.", retry_after_s=15)
    try:
        file = open_package(release.stored_as)
    except BaseException:
        _downloads.release()
        raise
    return StreamingHttpResponse(
        Chunks(file, start, end - start), status=status, headers=headers, content_type=APK
    )


class Chunks:
    """A part of a file, read as it is sent; closing it makes room for the next download."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._left, self._open = file, size, True
        file.seek(start)

    def __iter__(self) -> Iterator[bytes]:
        while self._left and (chunk := self._file.read(min(CHUNK, self._left))):
            self._left -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Called by the server when the answer is sent or the client is gone."""
        if self._open:
            self._open = False
            self._file.close()
            _downloads.release()
