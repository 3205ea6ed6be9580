"""Form bodies with nested names, `metadata[order]=7`, as card providers take them."""

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from simulator.answers import read_body


async def read_form(request: Request) -> tuple[bytes, dict[str, Any]]:
    """The raw body and its fields, nested by the brackets in their names. Raises Refused above 64 KiB."""
    raw = await read_body(request)
    return raw, nested(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))


def nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """`a[b]=1` becomes `{"a": {"b": "1"}}`; `a[]=1` and `a[0]=1` become members of a list."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        head, *rest = name.replace("]", "").split("[")
        _put(fields, [head, *rest], value)
    return fields


def _put(fields: dict[str, Any], path: list[str], value: str) -> None:
    name, *rest = path
    if rest and (not rest[0] or rest[0].isdigit()):
        members = fields.setdefault(name, [])
        if isinstance(members, list):
            members.append(value)
    elif rest:
        inner = fields.setdefault(name, {})
        if isinstance(inner, dict):
            _put(inner, rest, value)
    else:
        fields[name] = value
