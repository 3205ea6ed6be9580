"""Payments and sales over HTTP. Cash is one transaction; everything else is begun, asked for outside, and finished."""

from collections.abc import Callable

from django.http import HttpResponse

from kernel import ids
from kernel.rest import Page, Request, Steps, operation, paginate
from mpac.smarttab.db import atomic
from mpac.smarttab.domain.states import PaymentMethod
from mpac.smarttab.dto import Caller, PaymentView, SaleView
from mpac.smarttab.models import Payment
from mpac.smarttab.rest.bodies import CreatePayment, CreateSale, ListPayments
from mpac.smarttab.rest.caller import caller_of
from mpac.smarttab.rest.endpoint import TERMINALS, SmarttabEndpoint
from mpac.smarttab.selectors import orders as select
from mpac.smarttab.selectors import views
from mpac.smarttab.services import gateway_payments, payments, sales

Taking = Callable[..., Payment]


class TakingEndpoint(SmarttabEndpoint):
    """Takes money under an Idempotency-Key, in one transaction or in steps as the method of payment needs."""

    def finish(self, caller: Caller, payment_id: str) -> Payment:
        """Ask the gateway for the money of a payment that was begun."""
        return gateway_payments.finish_gateway_payment(
            scope=caller.scope, payment_id=ids.decode("pay", payment_id), now=self.now
        )


class BillPaymentsEndpoint(TakingEndpoint):
    """The payments of one bill."""

    @operation(
        "payments.create",
        summary="Pay a bill, in full or in part",
        body=CreatePayment,
        response=PaymentView,
        status=201,
        idempotent="own",
        errors=(400, 404, 409, 422),
    )
    def post(self, request: Request, bill_id: str, body: CreatePayment) -> HttpResponse:
        caller, tender, bill = caller_of(request), body.tender(), ids.decode("bil", bill_id)

        def pay(take: Taking) -> Payment:
            return take(
                caller=caller, bill_id=bill, tender=tender, idempotency_key=self.scoped_key, now=self.now
            )

        if tender.method is PaymentMethod.CASH:
            return self.in_one_transaction(lambda: views.payment_view(pay(payments.take_cash_payment)))
        return self.in_steps(
            Steps(
                begin=lambda: ids.encode("pay", pay(payments.start_gateway_payment).id),
                finish=lambda payment_id: views.payment_view(self.finish(caller, payment_id)),
            )
        )

    @operation(
        "bills.payments",
        summary="List the payments of a bill, newest first",
        query=ListPayments,
        response=Page[PaymentView],
        errors=(400, 404),
    )
    def get(self, request: Request, bill_id: str, query: ListPayments) -> Page[PaymentView]:
        with atomic(request.user.scope()):
            bill = select.get_bill(ids.decode("bil", bill_id))
            rows = select.list_payments(status=query.status, bill_id=bill.id)
            return paginate(rows, query, views.payment_view)


class PaymentsEndpoint(SmarttabEndpoint):
    """All payments in the caller's reach."""

    @operation(
        "payments.list",
        summary="List payments, newest first",
        query=ListPayments,
        response=Page[PaymentView],
        errors=(400,),
    )
    def get(self, request: Request, query: ListPayments) -> Page[PaymentView]:
        with atomic(request.user.scope()):
            return paginate(select.list_payments(status=query.status), query, views.payment_view)


class PaymentEndpoint(SmarttabEndpoint):
    """One payment."""

    @operation("payments.get", summary="Read a payment", response=PaymentView, errors=(404,))
    def get(self, request: Request, payment_id: str) -> PaymentView:
        with atomic(request.user.scope()):
            return views.payment_view(select.get_payment(ids.decode("pay", payment_id)))


class CancelPaymentEndpoint(SmarttabEndpoint):
    """Calling off a payment under way."""

    @operation(
        "payments.cancel",
        summary="Call off a payment that is under way",
        response=PaymentView,
        idempotent="steps",
        errors=(400, 404, 409, 422),
    )
    def post(self, request: Request, payment_id: str) -> Steps:
        caller, decoded = caller_of(request), ids.decode("pay", payment_id)

        def begin() -> str:
            gateway_payments.request_cancellation(caller=caller, payment_id=decoded, now=self.now)
            return payment_id

        def finish(_resource_id: str) -> PaymentView:
            payment = gateway_payments.finish_cancellation(
                scope=caller.scope, payment_id=decoded, now=self.now
            )
            return views.payment_view(payment)

        return Steps(begin=begin, finish=finish)


class SalesEndpoint(TakingEndpoint):
    """Quick service."""

    callers = TERMINALS

    @operation(
        "sales.create",
        summary="Order, bill and payment in one call",
        body=CreateSale,
        response=SaleView,
        status=201,
        idempotent="own",
        errors=(400, 409, 422),
    )
    def post(self, request: Request, body: CreateSale) -> HttpResponse:
        caller, draft, tender = caller_of(request), body.draft(), body.payment.tender()

        def sell() -> Payment:
            key, now = self.scoped_key, self.now
            return sales.make_sale(caller=caller, draft=draft, tender=tender, idempotency_key=key, now=now)[2]

        def finish(payment_id: str) -> SaleView:
            payment = self.finish(caller, payment_id)
            with atomic(caller.scope):
                return self._show(payment)

        if tender.method is PaymentMethod.CASH:
            return self.in_one_transaction(lambda: self._show(sell()))
        return self.in_steps(Steps(begin=lambda: ids.encode("pay", sell().id), finish=finish))

    def _show(self, payment: Payment) -> SaleView:
        order, bill = select.get_order(payment.order_id), select.get_bill(payment.bill_id)
        return views.sale_view(order, bill, payment, select.list_lines(order.id, revision=order.revision))
