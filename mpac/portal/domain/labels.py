"""Labels of terminals: names and values that people sort their fleet by."""

from kernel.errors import FieldError, Invalid

MAX_LABELS = 20


def parse_labels(text: str) -> dict[str, str]:
    """`region:north,lane:3` as labels. Raises Invalid, for the parameter `label`, when it does not read so."""
    labels = {}
    for pair in text.split(","):
        name, colon, value = pair.partition(":")
        if not colon or not name:
            raise Invalid(
                errors=[FieldError("label", "invalid", "Labels read name:value, joined by commas.")]
            )
        labels[name] = value
    return labels
