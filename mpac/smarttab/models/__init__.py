"""Smarttab's tables, one aggregate a file."""

from mpac.smarttab.models.bill import Bill
from mpac.smarttab.models.device_log import DeviceEvent, DeviceStream
from mpac.smarttab.models.history import StateChange
from mpac.smarttab.models.order import Order, OrderCounter, OrderLine
from mpac.smarttab.models.payment import Payment
from mpac.smarttab.models.plumbing import IdempotencyKey, InboxEntry, JobRun, Nonce, OutboxMessage
from mpac.smarttab.models.tax import TaxRate

__all__ = [
    "Bill",
    "DeviceEvent",
    "DeviceStream",
    "IdempotencyKey",
    "InboxEntry",
    "JobRun",
    "Nonce",
    "Order",
    "OrderCounter",
    "OrderLine",
    "OutboxMessage",
    "Payment",
    "StateChange",
    "TaxRate",
]
