"""Orders over HTTP."""

from kernel import ids
from kernel.rest import Answer, Page, Request, expected_version, operation, paginate
from mpac.smarttab.db import atomic
from mpac.smarttab.domain.states import OrderStatus
from mpac.smarttab.dto import BillView, OrderView
from mpac.smarttab.models import Order
from mpac.smarttab.rest.bodies import CreateOrder, ListBills, ListOrders, PatchOrder
from mpac.smarttab.rest.caller import caller_of
from mpac.smarttab.rest.endpoint import TERMINALS, SmarttabEndpoint
from mpac.smarttab.selectors import orders as select
from mpac.smarttab.selectors import views
from mpac.smarttab.services import bills, orders


class OrdersEndpoint(SmarttabEndpoint):
    """All orders in the caller's reach."""

    @operation(
        "orders.create",
        summary="Take up an order",
        body=CreateOrder,
        response=OrderView,
        status=201,
        idempotent=True,
        errors=(400, 409, 422),
        callers=TERMINALS,
    )
    def post(self, request: Request, body: CreateOrder) -> Answer:
        order = orders.create_order(
            caller=caller_of(request), draft=body.draft(), idempotency_key=self.scoped_key, now=self.now
        )
        return _shown(order)

    @operation(
        "orders.list",
        summary="List orders, newest first",
        query=ListOrders,
        response=Page[OrderView],
        errors=(400,),
    )
    def get(self, request: Request, query: ListOrders) -> Page[OrderView]:
        with atomic(request.user.scope()):
            rows = select.list_orders(status=query.status, client_reference=query.client_reference)
            return paginate(rows, query, lambda order: views.order_view(order, None))


class OrderEndpoint(SmarttabEndpoint):
    """One order."""

    @operation("orders.get", summary="Read an order", response=OrderView, headers=("ETag",))
    def get(self, request: Request, order_id: str) -> Answer:
        with atomic(request.user.scope()):
            return _shown(select.get_order(ids.decode("ord", order_id)))

    @operation(
        "orders.patch",
        summary="Change a draft or open order (If-Match: its version)",
        body=PatchOrder,
        response=OrderView,
        errors=(409,),
        if_match=True,
        headers=("ETag",),
    )
    def patch(self, request: Request, order_id: str, body: PatchOrder) -> Answer:
        caller = caller_of(request)
        with atomic(caller.scope):
            order = orders.patch_order(
                caller=caller,
                order_id=ids.decode("ord", order_id),
                version=expected_version(request),
                changes=body.changes(),
                now=self.now,
            )
            return _shown(order)


class OrderStepEndpoint(SmarttabEndpoint):
    """One step of an order through the kitchen; subclasses say which."""

    to: OrderStatus

    def advance(self, request: Request, order_id: str) -> Answer:
        """Take the step and show the order."""
        order = orders.advance_order(
            caller=caller_of(request), order_id=ids.decode("ord", order_id), to=self.to, now=self.now
        )
        return _shown(order)


class SubmitOrderEndpoint(OrderStepEndpoint):
    """Draft to open."""

    to = OrderStatus.OPEN

    @operation(
        "orders.submit",
        summary="Submit a draft",
        response=OrderView,
        idempotent=True,
        errors=(400, 404, 409, 422),
    )
    def post(self, request: Request, order_id: str) -> Answer:
        return self.advance(request, order_id)


class PrepareOrderEndpoint(OrderStepEndpoint):
    """Open to preparing."""

    to = OrderStatus.PREPARING

    @operation(
        "orders.prepare",
        summary="Begin to prepare an order",
        response=OrderView,
        idempotent=True,
        errors=(400, 404, 409, 422),
    )
    def post(self, request: Request, order_id: str) -> Answer:
        return self.advance(request, order_id)


class ReadyOrderEndpoint(OrderStepEndpoint):
    """To ready."""

    to = OrderStatus.READY

    @operation(
        "orders.ready",
        summary="Say that an order is ready",
        response=OrderView,
        idempotent=True,
        errors=(400, 404, 409, 422),
    )
    def post(self, request: Request, order_id: str) -> Answer:
        return self.advance(request, order_id)


class CompleteOrderEndpoint(OrderStepEndpoint):
    """To completed."""

    to = OrderStatus.COMPLETED

    @operation(
        "orders.complete",
        summary="Say that an order was handed over",
        response=OrderView,
        idempotent=True,
        errors=(400, 404, 409, 422),
    )
    def post(self, request: Request, order_id: str) -> Answer:
        return self.advance(request, order_id)


class CancelOrderEndpoint(SmarttabEndpoint):
    """To cancelled."""

    @operation(
        "orders.cancel",
        summary="Cancel an order and void its unpaid bill",
        response=OrderView,
        idempotent=True,
        errors=(400, 404, 409, 422),
    )
    def post(self, request: Request, order_id: str) -> Answer:
        order = orders.cancel_order(
            caller=caller_of(request), order_id=ids.decode("ord", order_id), now=self.now
        )
        return _shown(order)


class OrderBillsEndpoint(SmarttabEndpoint):
    """The bills of one order."""

    @operation(
        "bills.create",
        summary="Open a bill over what an order still owes",
        response=BillView,
        status=201,
        idempotent=True,
        errors=(400, 404, 409, 422),
    )
    def post(self, request: Request, order_id: str) -> BillView:
        order, bill = bills.create_bill(
            caller=caller_of(request),
            order_id=ids.decode("ord", order_id),
            idempotency_key=self.scoped_key,
            now=self.now,
        )
        return views.bill_view(bill, select.list_lines(order.id, revision=bill.order_revision))

    @operation(
        "orders.bills",
        summary="List the bills of an order, newest first",
        query=ListBills,
        response=Page[BillView],
        errors=(400, 404),
    )
    def get(self, request: Request, order_id: str, query: ListBills) -> Page[BillView]:
        with atomic(request.user.scope()):
            order = select.get_order(ids.decode("ord", order_id))
            rows = select.list_bills(status=query.status, order_id=order.id)
            return paginate(rows, query, lambda bill: views.bill_view(bill, None))


def _shown(order: Order) -> Answer:
    view = views.order_view(order, select.list_lines(order.id, revision=order.revision))
    return Answer(view=view, headers={"ETag": f'"{order.version}"'})
