"""From what msgspec says about a struct to what is true of a request, of an answer, and of a query string."""

from typing import Any

from kernel.rest.openapi_parts import NO_NUL

INSTANT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
NULL = {"type": "null"}
SAYS_MORE = {"pattern", "enum", "const", "format"}


def complete(schema: dict[str, Any]) -> dict[str, Any]:
    """An answer's fields are always there, also those that have a default; only an unset one may be left out. Its
    instants have milliseconds and a `Z`.
    """
    schema = _in_milliseconds(schema)
    always = [
        name
        for name, definition in schema.get("properties", {}).items()
        if name in schema.get("required", ()) or "default" in definition
    ]
    return schema | {"required": always} if always else schema


def _in_milliseconds(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_in_milliseconds(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "date-time":
        return schema | {"pattern": INSTANT}
    return {name: _in_milliseconds(part) for name, part in schema.items()}


def refuse_nul(schema: Any) -> Any:
    """No text in a request may hold the character U+0000, which the database can not keep."""
    if isinstance(schema, list):
        return [refuse_nul(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "string" and not SAYS_MORE & schema.keys():
        return schema | {"pattern": NO_NUL}
    refused = {name: refuse_nul(part) for name, part in schema.items()}
    if isinstance(schema.get("additionalProperties"), dict):
        refused["propertyNames"] = {"pattern": NO_NUL} | schema.get("propertyNames", {})
    return refused


def link(paths: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Lead from the answer that shows a new object to all that can be done with it."""
    takes = [
        (parameter["name"], operation["operationId"])
        for operations in paths.values()
        for operation in operations.values()
        for parameter in operation["parameters"]
        if parameter["in"] == "path" and parameter["name"].endswith("_id")
    ]
    for operations in paths.values():
        for operation in operations.values():
            created = operation["responses"].get("201")
            if created is None:
                continue
            component = created["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            kind = str(schemas[component]["properties"]["object"].get("default"))
            created["links"] = {
                name: {"operationId": name, "parameters": {parameter: "$response.body#/id"}}
                for parameter, name in takes
                if kind.endswith(parameter.removesuffix("_id"))
            }


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out or has a value; a query string can not say null."""
    kept = [part for part in schema.get("anyOf", ()) if part != NULL]
    if not kept:
        return schema
    rest = {name: part for name, part in schema.items() if name != "anyOf" and part is not None}
    return rest | (kept[0] if len(kept) == 1 else {"anyOf": kept})
