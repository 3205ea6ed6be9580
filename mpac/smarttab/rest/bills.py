"""Bills over HTTP."""

from kernel import ids
from kernel.rest import Page, Request, operation, paginate
from mpac.smarttab.db import atomic
from mpac.smarttab.dto import BillView
from mpac.smarttab.models import Bill
from mpac.smarttab.rest.bodies import ListBills
from mpac.smarttab.rest.caller import caller_of
from mpac.smarttab.rest.endpoint import SmarttabEndpoint
from mpac.smarttab.selectors import orders as select
from mpac.smarttab.selectors import views
from mpac.smarttab.services import bills


class BillsEndpoint(SmarttabEndpoint):
    """All bills in the caller's reach."""

    @operation(
        "bills.list",
        summary="List bills, newest first",
        query=ListBills,
        response=Page[BillView],
        errors=(400,),
    )
    def get(self, request: Request, query: ListBills) -> Page[BillView]:
        with atomic(request.user.scope()):
            rows = select.list_bills(status=query.status)
            return paginate(rows, query, lambda bill: views.bill_view(bill, None))


class BillEndpoint(SmarttabEndpoint):
    """One bill."""

    @operation("bills.get", summary="Read a bill", response=BillView, errors=(404,))
    def get(self, request: Request, bill_id: str) -> BillView:
        with atomic(request.user.scope()):
            return _shown(select.get_bill(ids.decode("bil", bill_id)))


class VoidBillEndpoint(SmarttabEndpoint):
    """Withdrawing a bill."""

    @operation(
        "bills.void",
        summary="Void a bill that took no money",
        response=BillView,
        idempotent=True,
        errors=(400, 404, 409, 422),
    )
    def post(self, request: Request, bill_id: str) -> BillView:
        bill = bills.void_bill(caller=caller_of(request), bill_id=ids.decode("bil", bill_id), now=self.now)
        return _shown(bill)


def _shown(bill: Bill) -> BillView:
    return views.bill_view(bill, select.list_lines(bill.order_id, revision=bill.order_revision))
