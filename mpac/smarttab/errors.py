"""What smarttab refuses, and in which words.

NotFound            a missing order, bill or payment, and another tenant's, look the same
Conflict
|-- IllegalTransition   the status does not lead there; `allowed` says where it leads
|-- OpenBillExists      one open bill per order
|-- NothingDue          the order has nothing left to bill
|-- BillNotOpen         the bill is closed or voided
|-- AmountExceedsDue    more than is due, payments under way included
|-- BillHasPayments     a bill with money, or with a payment under way, is not voided
|-- OrderIsBilled       what stands on a bill is not changed
|-- OrderNotEditable    only draft and open orders are changed
|-- PaymentNotCancellable   the money is there, or was never coming
|-- VersionMismatch     somebody changed the object first
`-- IdempotencyKeySpent     the key belongs to an effect whose answer is kept no more
Invalid
|-- OrderNotComputable  discounts, tax codes or sums that make no order
|-- RateOutOfOrder      a tax rate begins after the one before it
|-- CardNumberRefused   a card number in free text
|-- TenderedTooLittle   cash below the amount
`-- TenderedNotCash     only cash is tendered
Forbidden
`-- NoStore             the caller is not bound to one store
"""

from kernel.errors import Conflict, Forbidden, Invalid


class IllegalTransition(Conflict):
    """The present status does not lead there."""

    code = "illegal_transition"


class OpenBillExists(Conflict):
    """The order has an open bill; pay or void it first."""

    code = "open_bill_exists"


class NothingDue(Conflict):
    """The order has nothing left to bill."""

    code = "nothing_due"


class BillNotOpen(Conflict):
    """The bill is not open."""

    code = "bill_not_open"


class AmountExceedsDue(Conflict):
    """The amount is more than is due, payments under way included."""

    code = "amount_exceeds_due"


class BillHasPayments(Conflict):
    """The bill has payments; cancel what is under way or refund what was paid first."""

    code = "bill_has_payments"


class OrderIsBilled(Conflict):
    """The order stands on a bill and cannot be changed; void the bill first."""

    code = "order_is_billed"


class OrderNotEditable(Conflict):
    """Only a draft or open order can be changed."""

    code = "order_not_editable"


class PaymentNotCancellable(Conflict):
    """The payment is already decided."""

    code = "payment_not_cancellable"


class VersionMismatch(Conflict):
    """The object was changed by someone else; read it again."""

    code = "version_mismatch"


class IdempotencyKeySpent(Conflict):
    """This Idempotency-Key had its effect long ago; its answer is kept no more."""

    code = "idempotency_key_spent"


class OrderNotComputable(Invalid):
    """The order cannot be computed."""

    code = "order_not_computable"


class RateOutOfOrder(Invalid):
    """A rate can only begin after the one before it has begun."""

    code = "rate_out_of_order"


class CardNumberRefused(Invalid):
    """Card numbers are not accepted in free text."""

    code = "card_number_refused"


class TenderedTooLittle(Invalid):
    """Less was tendered than is to be paid."""

    code = "tendered_too_little"


class TenderedNotCash(Invalid):
    """Only cash is tendered."""

    code = "tendered_not_cash"


class NoStore(Forbidden):
    """Only a caller bound to one store sells."""

    code = "no_store"
