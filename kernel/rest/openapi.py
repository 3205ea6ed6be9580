"""The OpenAPI document, made from the declared operations: msgspec structs are the schemas, nothing is written twice."""

import re
from typing import Any

import msgspec
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from kernel.rest.operation import Operation
from kernel.rest.problems import MEDIA_TYPE, TITLES

PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "allowed": {"type": "array", "items": {"type": "string"}},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
            },
        },
    },
}
SECURITY = {
    "device": "bearer",
    "partner": "bearer",
    "person": "bearer",
    "intent": "bearer",
    "service": "hmac",
}
KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?$",
    },
    "description": "1 to 255 printable ASCII characters; the same key and payload get the first answer again.",
}
TEMPLATE = "#/components/schemas/{name}"


class OperationSchema(AutoSchema):
    """Reads `@operation` instead of serializers."""

    def get_operation(self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any) -> Any:
        function = getattr(self.view, method.lower(), None)
        declared: Operation | None = getattr(function, "operation", None)
        if declared is None:
            return None
        self.registry = registry
        callers = getattr(self.view, "callers", ()) if declared.callers is None else declared.callers
        operation: dict[str, Any] = {
            "operationId": declared.name.replace(".", "_"),
            "summary": declared.summary,
            "tags": [declared.name.partition(".")[0]],
            "parameters": [*_path_parameters(path), *self._query_parameters(declared)],
            "responses": self._responses(declared, secured=bool(callers), in_path="{" in path),
        }
        if declared.idempotent:
            operation["parameters"].append(KEY_HEADER)
        if declared.body is not None:
            schema = self._schema(declared.body)
            operation["requestBody"] = {
                "required": True,
                "content": {declared.request_media_type: {"schema": schema}},
            }
        operation["security"] = [{name: []} for name in sorted({SECURITY[kind] for kind in callers})]
        return operation

    def _responses(self, declared: Operation, *, secured: bool, in_path: bool) -> dict[str, Any]:
        if declared.response is None:
            success: dict[str, Any] = {"description": "Done"}
        else:
            success = {
                "description": "Success",
                "content": {declared.media_type: {"schema": self._schema(declared.response)}},
            }
        if declared.idempotent:
            success["headers"] = {
                "Idempotent-Replayed": {
                    "schema": {"type": "string"},
                    "description": "`true` on a replayed answer.",
                }
            }
        statuses = _error_statuses(declared, secured=secured, in_path=in_path)
        self._register("Problem", PROBLEM)
        content = {MEDIA_TYPE: {"schema": {"$ref": TEMPLATE.format(name="Problem")}}}
        responses = {str(declared.status): success}
        for status in sorted(statuses - {declared.status}):
            responses[str(status)] = {"description": TITLES.get(status, "Error"), "content": content}
        if declared.error_response is not None:
            other = {"application/json": {"schema": self._schema(declared.error_response)}}
            for status in statuses & {400, 401}:
                responses[str(status)]["content"] = {**content, **other}
        return responses

    def _query_parameters(self, declared: Operation) -> list[dict[str, Any]]:
        if declared.query is None:
            return []
        (_, components) = msgspec.json.schema_components(
            (declared.query,), ref_template=TEMPLATE, schema_hook=_anything
        )
        schema = components[declared.query.__name__]
        required = set(schema.get("required", ()))
        for name, component in components.items():
            if name != declared.query.__name__:
                self._register(name, component)
        return [
            {"name": name, "in": "query", "required": name in required, "schema": definition}
            for name, definition in schema.get("properties", {}).items()
        ]

    def _schema(self, kind: Any) -> dict[str, Any]:
        ((schema,), components) = msgspec.json.schema_components(
            (kind,), ref_template=TEMPLATE, schema_hook=_anything
        )
        for name, component in components.items():
            self._register(name, component)
        return dict(schema)

    def _register(self, name: str, schema: dict[str, Any]) -> None:
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name=name, type=ResolvedComponent.SCHEMA, schema=schema, object=name
        )
        self.registry.register_on_missing(component)


def _error_statuses(declared: Operation, *, secured: bool, in_path: bool) -> set[int]:
    """Every status an operation may refuse with."""
    conditional = {
        429: declared.limited,
        401: secured,
        403: secured,
        404: in_path,
        413: declared.body is not None,
        415: declared.body is not None,
        409: bool(declared.idempotent),
        422: bool(declared.idempotent),
    }
    return {400, 503, *declared.errors, *(status for status, applies in conditional.items() if applies)}


def _anything(kind: type) -> dict[str, Any]:
    """`object` in a declaration means any JSON value."""
    if kind is object:
        return {"description": "Any JSON value."}
    raise NotImplementedError


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(name)}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _path_schema(name: str) -> dict[str, Any]:
    if name in {"psp_id", "merchant_id", "store_id", "user_id"}:
        return {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
    return {"type": "string", "maxLength": 100}


def finish(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: the security schemes, and plain path parameters."""
    result.setdefault("components", {})["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "hmac": {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "HMAC-SHA256, see the guide.",
        },
    }
    return result
