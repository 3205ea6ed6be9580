"""Refusals (400, 422) of data that fits the document, because JSON Schema has no words for the rule.

Each rule is named by the problem's code or a field error's, with the field where others are refused by the same code, and says
why it can not be in the schema. Whatever else is refused although the document allows it is a fault of the document.
"""

import re
from typing import Any

RULES = {
    # Arithmetic over several fields.
    "amount_exceeds_due": "compares the amount with what the bill still owes",
    "order_not_computable": "the order's total is a sum of products, less discounts, within the range of money",
    "tendered_too_little": "compares two fields",
    "payment_token_unused": "whether a field may be there depends on another one's value",
    "payment_token_unbound": "whether a field may be there depends on another one's value",
    "payment_token_not_taken": "what the provider takes",
    "payment_token_refused": "a check digit tells a card number from another number",
    "tendered_not_cash": "whether a field may be there depends on another one's value",
    # What the caller's own store and account can do.
    "capture_not_supported": "the provider that is chosen for the store decides",
    "currency_not_accepted": "the store's own currency decides",
    "method_not_supported": "the store's provider accounts decide",
    "provider_not_usable": "the store's provider accounts decide",
    "store_not_usable": "the store's state decides",
    "amount_too_large": "the limit depends on the method and the provider",
    "webhook_url_refused": "whether the host is one that may be called",
    "event_type_unknown": "the types are those of the catalogue of events",
    # What the setting in the address takes, as the catalogue says.
    "setting_not_at_level": "which levels there are depends on the setting",
    "setting_not_lockable": "whether there is a lock depends on the setting",
    "setting_value_invalid": "which values there are depends on the setting",
    # What a kind of command takes.
    "command_parameters_invalid": "which parameters there are depends on the kind",
    "unknown_channel": "the app's own channels decide",
    "waves_not_growing": "compares each wave with the one before",
    "repeated": "whether two values are the same",
    # Who calls: an operator of the platform belongs to no provider, and says which one is meant.
    "psp_id:required": "the caller decides",
    # Days and places.
    "rate_out_of_order": "the tax rates that there are decide",
    "expires_at:past": "the time of day decides",
    "date_of_birth:out_of_range": "today decides",
    "role:wrong_level": "whether a field may be there depends on another one's value",
    # What was called before.
    "idempotency_key_reused": "the generator draws the same key for another payload",
    # What bytes mean.
    "apk_malformed": "what an Android package looks like",
    "apk_not_signed": "what an Android package looks like",
    "apk_package_mismatch": "what the package says of itself",
    "apk_signature_invalid": "a signature",
    "apk_signer_not_allowed": "who signed the package",
    "card_number_refused": "a check digit tells a card number from another number",
    "invalid_proof": "a signature",
    "invalid_tax_branch": "the country decides",
    "invalid_tax_number": "the country decides, and a check digit",
    "invalid_public_key": "whether a point lies on the curve",
    "metadata_too_large": "the size of a whole object",
    "unknown_time_zone": "the names are those of the system's time zone data",
    "webhook_malformed": "what a notice looks like is its provider's affair",
    "webhook_refused": "what a notice looks like is its provider's affair",
}
# JSON Schema counts 1.0 among the integers; the contract wants integers written as such.
NOT_WRITTEN_AS_INTEGER = re.compile("Expected `int.*`, got `float`")


def is_inexpressible(problem: dict[str, Any]) -> bool:
    """Whether every rule that this problem document names is one of these."""
    if problem.get("code") in RULES:
        return True
    errors = problem.get("errors", [])
    return bool(errors) and all(
        error["code"] in RULES
        or f"{error['field']}:{error['code']}" in RULES
        or NOT_WRITTEN_AS_INTEGER.match(error["message"])
        for error in errors
    )
