"""Lists of terminals over HTTP: sent and looked at, started, watched, and what became of each row."""

import io
from email.message import Message

from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpResponse
from django.http.multipartparser import MultiPartParser, MultiPartParserError

from kernel import ids
from kernel.errors import FieldError, Invalid
from kernel.rest import Answer, Page, PageQuery, Query, Request, operation, paginate
from kernel.rest.body import UnsupportedMediaType, decode_query
from mpac.portal.db import atomic
from mpac.portal.domain.device_lists import write_report
from mpac.portal.models.device_import import PREFIX
from mpac.portal.rest import import_views
from mpac.portal.rest.bodies import IntId
from mpac.portal.rest.endpoint import PortalEndpoint
from mpac.portal.rest.import_views import ImportView
from mpac.portal.selectors.imports import HEADS, get_import, list_imports, report_rows
from mpac.portal.services import device_imports
from mpac.portal.services.device_imports import Place

READ, WRITE = "devices:read", "devices:write"
MAX_BYTES = 2 * 1024 * 1024
CSV = "text/csv"
FORM = "multipart/form-data"


class ForMerchant(Query):
    """Whose terminals they are; left out, those of the caller's own merchant, or of the whole provider."""

    merchant_id: IntId | None = None


class TakingEndpoint(PortalEndpoint):
    """Base of the endpoints that take a list: text/csv, or a form with one file called `file`."""

    def take(self, place: Place) -> ImportView:
        """Look at the list and keep it."""
        raw, charset = self._file()
        taken = device_imports.check_list(
            scope=self.scope,
            place=place,
            raw=raw,
            charset=charset,
            livemode=self.request.user.livemode,
            by=self.request.user.subject,
            now=self.now,
        )
        return import_views.device_import(taken)

    def _file(self) -> tuple[bytes, str]:
        """The bytes of the list and the charset that its sender names. Raises Invalid and UnsupportedMediaType."""
        said = Message()
        said["Content-Type"] = self.request.content_type or ""
        kind, charset = said.get_content_type(), str(said.get_param("charset") or "").lower()
        if self.request.headers.get("Content-Encoding", "identity") != "identity":
            raise UnsupportedMediaType
        if kind == CSV:
            return self.raw_body, charset
        if kind == FORM:
            return self._form_file(), ""
        raise UnsupportedMediaType

    def _form_file(self) -> bytes:
        meta = {**self.request.META, "CONTENT_LENGTH": str(len(self.raw_body))}
        handler = MemoryFileUploadHandler()
        try:
            parser = MultiPartParser(meta, io.BytesIO(self.raw_body), [handler])
            _fields, files = parser.parse()
        except (MultiPartParserError, ValueError):
            raise Invalid(code="malformed_form") from None
        file = files.get("file")
        if file is None or len(files) != 1:
            raise Invalid(errors=[FieldError("file", "required", "The form holds one file, called file.")])
        return bytes(file.read())


class StoreImportsEndpoint(TakingEndpoint):
    """Lists of one store's terminals."""

    @operation(
        "device_imports.create_for_store",
        summary="Send a list of a store's terminals as CSV; it is looked at, and nothing is registered yet",
        response=ImportView,
        status=201,
        permission=WRITE,
        raw=True,
        errors=(415,),
        request_media_type=CSV,
        max_body_bytes=MAX_BYTES,
    )
    def post(self, _request: Request, store_id: int) -> Answer:
        return Answer(self.take(device_imports.place_of_store(scope=self.scope, store_id=store_id)))


class ImportsEndpoint(TakingEndpoint):
    """All lists that the caller sees."""

    @operation(
        "device_imports.list",
        summary="List what lists of terminals were sent",
        query=PageQuery,
        response=Page[ImportView],
        permission=READ,
    )
    def get(self, _request: Request, query: PageQuery) -> Page[ImportView]:
        with atomic(self.scope):
            return paginate(list_imports(), query, import_views.device_import)

    @operation(
        "device_imports.create",
        summary="Send a list of terminals of many stores, or of none yet, as CSV; nothing is registered yet",
        query=ForMerchant,
        response=ImportView,
        status=201,
        permission=WRITE,
        reach="merchant",
        raw=True,
        errors=(404, 415),
        request_media_type=CSV,
        max_body_bytes=MAX_BYTES,
    )
    def post(self, request: Request) -> Answer:
        query = decode_query(request._request.GET, ForMerchant)
        place = device_imports.place_of_merchant(
            scope=self.scope, psp_id=request.user.psp_id, merchant_id=query.merchant_id
        )
        return Answer(self.take(place))


class ImportEndpoint(PortalEndpoint):
    """One list."""

    @operation(
        "device_imports.read",
        summary="Read how far a list of terminals has come and what is wrong with it",
        response=ImportView,
        permission=READ,
    )
    def get(self, _request: Request, import_id: str) -> ImportView:
        return import_views.device_import(
            get_import(scope=self.scope, import_id=ids.decode(PREFIX, import_id))
        )


class StartImportEndpoint(PortalEndpoint):
    """Registering what a list holds."""

    @operation(
        "device_imports.start",
        summary="Have the terminals of a list registered; progress is told by reading it",
        response=ImportView,
        permission=WRITE,
        errors=(409,),
    )
    def post(self, _request: Request, import_id: str) -> ImportView:
        started = device_imports.start_import(
            scope=self.scope, import_id=ids.decode(PREFIX, import_id), now=self.now
        )
        return import_views.device_import(started)


class ImportReportEndpoint(PortalEndpoint):
    """What became of each row of a list, with the codes that are still of use."""

    @operation(
        "device_imports.report",
        summary="Download what became of each row of a list, and the one-time codes, as CSV",
        permission=WRITE,
        media_type=CSV,
        headers=("Content-Disposition", "Cache-Control"),
    )
    def get(self, _request: Request, import_id: str) -> HttpResponse:
        scope = self.scope
        with atomic(scope):
            taken = get_import(scope=scope, import_id=ids.decode(PREFIX, import_id))
            table = write_report(HEADS, report_rows(taken, now=self.now))
        headers = {
            "Content-Disposition": f'attachment; filename="{taken.public_id}.csv"',
            "Cache-Control": "no-store",
        }
        return HttpResponse(table, content_type=f"{CSV}; charset=utf-8", headers=headers)
