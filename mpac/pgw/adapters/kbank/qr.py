"""KBank's Thai QR: a bill payment (template 30) whose references the bank chooses and repeats for its own app (template 31)."""

from mpac.pgw.domain import emvco, promptpay
from mpac.pgw.domain.promptpay import BillPayment, PromptPayError

ACQUIRER_AID = "A000000677010113"
_ACQUIRER = "31"


def read_qr(payload: str) -> BillPayment:
    """What the code asks the customer to pay. Raises PromptPayError unless it is one bill payment of one amount."""
    qr = promptpay.decode(payload)
    if not isinstance(qr, BillPayment) or qr.amount is None or not qr.dynamic:
        message = "The payload is not a bill payment of one amount."
        raise PromptPayError(message)
    repeated = emvco.decode_template(emvco.decode(payload).get(_ACQUIRER, ""))
    if repeated and _references(repeated) != (ACQUIRER_AID, qr.reference1, qr.reference2):
        message = "The bank's two templates name different payments."
        raise PromptPayError(message)
    return qr


def _references(template: dict[str, str]) -> tuple[str | None, str | None, str | None]:
    return template.get("00"), template.get("02"), template.get("04")
