"""Labels of terminals: names and values that people sort their fleet by."""

MAX_LABELS = 20


def parse_labels(text: str) -> dict[str, str]:
    """`region:north,lane:3` as labels; what has no colon is left out."""
    pairs = (pair.partition(":") for pair in text.split(","))
    return {name: value for name, colon, value in pairs if colon}
