"""Smarttab's URLs, mounted under /v1."""

from django.urls import path

from mpac.smarttab.rest import bills, device_events, orders, payments, tax_rates

urlpatterns = [
    path("orders", orders.OrdersEndpoint.as_view()),
    path("orders/<str:order_id>", orders.OrderEndpoint.as_view()),
    path("orders/<str:order_id>/submit", orders.SubmitOrderEndpoint.as_view()),
    path("orders/<str:order_id>/prepare", orders.PrepareOrderEndpoint.as_view()),
    path("orders/<str:order_id>/ready", orders.ReadyOrderEndpoint.as_view()),
    path("orders/<str:order_id>/complete", orders.CompleteOrderEndpoint.as_view()),
    path("orders/<str:order_id>/cancel", orders.CancelOrderEndpoint.as_view()),
    path("orders/<str:order_id>/bills", orders.OrderBillsEndpoint.as_view()),
    path("bills", bills.BillsEndpoint.as_view()),
    path("bills/<str:bill_id>", bills.BillEndpoint.as_view()),
    path("bills/<str:bill_id>/void", bills.VoidBillEndpoint.as_view()),
    path("bills/<str:bill_id>/payments", payments.BillPaymentsEndpoint.as_view()),
    path("payments", payments.PaymentsEndpoint.as_view()),
    path("payments/<str:payment_id>", payments.PaymentEndpoint.as_view()),
    path("payments/<str:payment_id>/cancel", payments.CancelPaymentEndpoint.as_view()),
    path("tax-rates", tax_rates.TaxRatesEndpoint.as_view()),
    path("sales", payments.SalesEndpoint.as_view()),
    path("devices/me/events", device_events.DeviceEventsEndpoint.as_view()),
]
