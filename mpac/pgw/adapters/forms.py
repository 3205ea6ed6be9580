"""Form bodies with nested names, as card providers take them."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"


def encode_form(fields: Mapping[str, Any]) -> bytes:
    """`{"metadata": {"order": 7}, "types": ["card"]}` becomes `metadata[order]=7&types[]=card`. What is None is left out."""
    return urlencode(list(_flat(fields))).encode()


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        full = f"{prefix}[{name}]" if prefix else name
        match value:
            case None:
                continue
            case bool():
                yield full, "true" if value else "false"
            case Mapping():
                yield from _flat(value, full)
            case list() | tuple():
                yield from ((f"{full}[]", str(each)) for each in value)
            case _:
                yield full, str(value)
