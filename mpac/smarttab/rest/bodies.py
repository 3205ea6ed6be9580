"""What callers send. Money is in minor units; unknown fields are refused."""

import uuid
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, UnsetType

from kernel import ids
from kernel.errors import FieldError, Invalid, NotFound
from kernel.rest import Body, CurrencyCode, PageQuery, Query
from mpac.smarttab.domain.drafts import OrderDraft
from mpac.smarttab.domain.states import BillStatus, Channel, OrderStatus, PaymentMethod, PaymentStatus
from mpac.smarttab.domain.totals import MAX_TOTAL_MINOR, Line, Modifier, Portion
from mpac.smarttab.services.payments import Tender

Amount = Annotated[int, Meta(ge=0, le=MAX_TOTAL_MINOR)]
PositiveAmount = Annotated[int, Meta(ge=1, le=MAX_TOTAL_MINOR)]
BasisPoints = Annotated[int, Meta(ge=0, le=10_000)]
Quantity = Annotated[int, Meta(ge=1, le=100_000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Short = Annotated[str, Meta(min_length=1, max_length=100)]
Provider = Annotated[str, Meta(pattern="^[a-z0-9_]{1,40}$")]
Customer = Annotated[str, Meta(pattern=ids.pattern("cus"))]
Sequence = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class PortionBody(Body):
    """An amount in minor units, or a share in basis points (hundredths of a percent). One of the two."""

    schema: ClassVar[dict[str, Any]] = {
        "oneOf": [
            {"required": [name], "properties": {name: {"type": "integer"}}}
            for name in ("amount", "basis_points")
        ]
    }

    amount: Amount | None = None
    basis_points: BasisPoints | None = None
    name: Annotated[str, Meta(max_length=200)] = ""

    def portion(self, field: str) -> Portion:
        """Return it as the domain knows it. Raises Invalid when it says both or neither."""
        try:
            return Portion(amount_minor=self.amount, basis_points=self.basis_points, name=self.name)
        except ValueError:
            fault = FieldError(field, "one_of", "Give either amount or basis_points.")
            raise Invalid(errors=[fault]) from None


class ServiceChargeBody(PortionBody):
    """A charge for service, taxed by its own code if it has one."""

    tax_code: Short | None = None


class ModifierBody(Body):
    """An extra on one unit of an item."""

    name: Name
    price: Amount = 0
    quantity: Quantity = 1


class OrderItemBody(Body):
    """One line: so many of something at a price that includes tax."""

    name: Name
    quantity: Quantity
    unit_price: Amount
    sku: Short | None = None
    product_id: Short | None = None
    tax_code: Short | None = None
    modifiers: Annotated[list[ModifierBody], Meta(max_length=50)] = []
    discount: PortionBody | Amount | None = None


Items = Annotated[list[OrderItemBody], Meta(min_length=1, max_length=500)]
Discounts = Annotated[list[PortionBody], Meta(max_length=50)]


class CreateOrder(Body):
    """An order as the terminal puts it; the server computes every total."""

    currency: CurrencyCode
    channel: Channel
    items: Items
    table: Short | None = None
    customer_id: Customer | None = None
    client_reference: Name | None = None
    discounts: Discounts = []
    service_charge: ServiceChargeBody | Amount | None = None
    tip: Amount = 0

    def draft(self) -> OrderDraft:
        """Return it as the domain knows it. Raises Invalid."""
        charge, charge_tax_code = _service_charge(self.service_charge)
        return OrderDraft(
            currency=self.currency,
            channel=self.channel,
            lines=_lines(self.items),
            table_name=self.table or "",
            customer_id=_customer(self.customer_id),
            client_reference=self.client_reference or "",
            discounts=_discounts(self.discounts),
            service_charge=charge,
            service_charge_tax_code=charge_tax_code,
            tip_minor=self.tip,
        )


class PatchOrder(Body):
    """The parts of an order to change; what is left out stays, null clears. `items` are replaced as a whole."""

    channel: Channel | UnsetType = UNSET
    items: Items | UnsetType = UNSET
    table: Short | UnsetType | None = UNSET
    customer_id: Customer | UnsetType | None = UNSET
    client_reference: Name | UnsetType | None = UNSET
    discounts: Discounts | UnsetType = UNSET
    service_charge: ServiceChargeBody | Amount | UnsetType | None = UNSET
    tip: Amount | UnsetType = UNSET

    def changes(self) -> dict[str, Any]:
        """Return the changed fields of the order's draft. Raises Invalid."""
        given: dict[str, tuple[Any, Callable[[Any], Any]]] = {
            "channel": (self.channel, _as_is),
            "lines": (self.items, _lines),
            "table_name": (self.table, _text),
            "customer_id": (self.customer_id, _customer),
            "client_reference": (self.client_reference, _text),
            "discounts": (self.discounts, _discounts),
            "tip_minor": (self.tip, _as_is),
        }
        changes = {name: convert(value) for name, (value, convert) in given.items() if value is not UNSET}
        if self.service_charge is not UNSET:
            charge, code = _service_charge(self.service_charge)
            changes |= {"service_charge": charge, "service_charge_tax_code": code}
        return changes


class SalePayment(Body):
    """How a sale is paid; without an amount, in full."""

    method: PaymentMethod
    amount: PositiveAmount | None = None
    provider: Provider | None = None
    tendered: Amount | None = None

    def tender(self) -> Tender:
        """Return it as the services know it. Raises TenderedNotCash, TenderedTooLittle."""
        return Tender(
            method=self.method,
            amount_minor=self.amount,
            tendered_minor=self.tendered,
            provider=self.provider or "",
        )


class CreatePayment(SalePayment):
    """Money for a bill by one method. Cash is paid at once; everything else goes through the gateway."""

    amount: PositiveAmount


class CreateSale(CreateOrder, kw_only=True):
    """Order, bill and payment in one call."""

    payment: SalePayment


class ListOrders(PageQuery):
    """Orders by status or by the caller's own reference."""

    status: OrderStatus | None = None
    client_reference: Name | None = None


class ListBills(PageQuery):
    """Bills by status."""

    status: BillStatus | None = None


class ListPayments(PageQuery):
    """Payments by status."""

    status: PaymentStatus | None = None


class ReadEvents(Query):
    """Events after a sequence number the device has seen."""

    after: Sequence = 0
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


def _as_is(value: Any) -> Any:
    return value


def _text(value: str | None) -> str:
    return value or ""


def _lines(items: list[OrderItemBody]) -> tuple[Line, ...]:
    return tuple(
        Line(
            name=item.name,
            unit_price_minor=item.unit_price,
            quantity=item.quantity,
            sku=item.sku or "",
            product_id=item.product_id or "",
            tax_code=item.tax_code,
            modifiers=tuple(
                Modifier(name=each.name, price_minor=each.price, quantity=each.quantity)
                for each in item.modifiers
            ),
            discount=_portion(item.discount, f"items[{index}].discount"),
        )
        for index, item in enumerate(items)
    )


def _discounts(discounts: list[PortionBody]) -> tuple[Portion, ...]:
    return tuple(each.portion(f"discounts[{index}]") for index, each in enumerate(discounts))


def _service_charge(charge: ServiceChargeBody | int | None) -> tuple[Portion | None, str | None]:
    code = charge.tax_code if isinstance(charge, ServiceChargeBody) else None
    return _portion(charge, "service_charge"), code


def _portion(body: PortionBody | int | None, field: str) -> Portion | None:
    if body is None:
        return None
    return Portion(amount_minor=body) if isinstance(body, int) else body.portion(field)


def _customer(text: str | None) -> uuid.UUID | None:
    if text is None:
        return None
    try:
        return ids.decode("cus", text)
    except NotFound:
        fault = FieldError("customer_id", "invalid", "This is no customer's id.")
        raise Invalid(errors=[fault]) from None
