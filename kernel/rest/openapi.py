"""The OpenAPI document, made from the declared operations: msgspec structs are the schemas, nothing is written twice."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from kernel import ids
from kernel.rest.body import METHODS_WITH_BODY, Body, Nothing
from kernel.rest.openapi_parts import (
    ANY_VALUE,
    HEADERS,
    IF_MATCH,
    IF_NONE_MATCH,
    KEY_HEADER,
    ON_EVERY_ANSWER,
    PROBLEM,
    RANGES,
    REFUSALS,
    RESPONSE,
    SECURITY,
    SECURITY_SCHEMES,
    TEMPLATE,
    header_references,
    refusal,
    refusal_name,
)
from kernel.rest.openapi_shapes import complete, link, refuse_nul, without_null
from kernel.rest.operation import Operation


class DocumentError(Exception):
    """Two declarations want the same name in the document."""


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
            "parameters": [*_path_parameters(path_regex), *self._query_parameters(declared)],
        }
        if declared.permission is not None:
            operation["description"] = f"Needs the permission `{declared.permission}`{_reaching(declared)}."
        if declared.idempotent:
            operation["parameters"].append(KEY_HEADER)
        if declared.if_match:
            operation["parameters"].append(IF_MATCH)
        if declared.if_none_match:
            operation["parameters"].append(IF_NONE_MATCH)
        if declared.ranges:
            operation["parameters"] += RANGES
        statuses = _error_statuses(declared, secured=bool(callers), in_path="{" in path)
        if method in METHODS_WITH_BODY:
            operation["requestBody"] = self._request_body(declared)
            statuses |= {413} if declared.raw else {413, 415}
        operation["responses"] = self._responses(declared, statuses)
        operation["security"] = [SECURITY[kind] for kind in sorted(callers)]
        return operation

    def _request_body(self, declared: Operation) -> dict[str, Any]:
        if declared.streamed:
            file = {"type": "string", "format": "binary"}
            return {"required": True, "content": {declared.request_media_type: {"schema": file}}}
        if declared.raw and declared.body is None:
            told = "*/*" if declared.request_media_type == "application/json" else declared.request_media_type
            return {"required": told != "*/*", "content": {told: {"schema": {"type": "string"}}}}
        kind = declared.body or Nothing
        required = any(field.required for field in msgspec.structs.fields(kind))
        return {
            "required": required,
            "content": {declared.request_media_type: {"schema": self._schema(kind)}},
        }

    def _responses(self, declared: Operation, statuses: set[int]) -> dict[str, Any]:
        names = [*ON_EVERY_ANSWER, *declared.headers]
        if declared.idempotent:
            names.append("Idempotent-Replayed")
        success: dict[str, Any] = {"description": "Success", "headers": header_references(names)}
        if declared.response is not None:
            schema = self._schema(declared.response, answer=True)
            success["content"] = {declared.media_type: {"schema": schema}}
        elif declared.media_type != "application/json":
            success["content"] = {declared.media_type: {"schema": {"type": "string", "format": "binary"}}}
        responses = {str(declared.status): success}
        responses |= _partial(declared, success, names)
        for status in sorted(statuses - {declared.status}):
            responses[str(status)] = {"$ref": RESPONSE.format(name=refusal_name(status))}
        if declared.error_response is not None:
            schema = self._schema(declared.error_response, answer=True)
            for status in statuses & {400, 401}:
                responses[str(status)] = refusal(status, {"application/json": {"schema": schema}})
        return responses

    def _query_parameters(self, declared: Operation) -> list[dict[str, Any]]:
        if declared.query is None:
            return []
        _, components = _components(declared.query)
        schema = components.pop(declared.query.__name__)
        for name, component in components.items():
            self._register(name, self._component(component))
        required = set(schema.get("required", ()))
        return [
            {"name": name, "in": "query", "required": name in required, "schema": without_null(definition)}
            for name, definition in self._component(refuse_nul(schema))["properties"].items()
        ]

    def _schema(self, kind: Any, *, answer: bool = False) -> dict[str, Any]:
        schema, components = _components(kind)
        for name, component in components.items():
            self._register(name, self._component(complete(component) if answer else refuse_nul(component)))
        return dict(schema)

    def _component(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {name: self._shared(part) for name, part in schema.items()}

    def _shared(self, schema: Any) -> Any:
        """Named lists of values, such as the currencies, are in the document once."""
        if isinstance(schema, list):
            return [self._shared(part) for part in schema]
        if not isinstance(schema, dict):
            return schema
        if "enum" in schema and "title" in schema:
            self._register(schema["title"], schema)
            return {"$ref": TEMPLATE.format(name=schema["title"])}
        if "enum" in schema and all(isinstance(value, str) for value in schema["enum"]):
            return {"type": "string", **schema}
        return self._component(schema)

    def _register(self, name: str, schema: dict[str, Any]) -> None:
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name=name, type=ResolvedComponent.SCHEMA, schema=schema, object=name
        )
        if component in self.registry and self.registry[component].schema != schema:
            msg = f"two schemas want to be called {name}"
            raise DocumentError(msg)
        self.registry.register_on_missing(component)


def finish(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: what all operations refer to. Raises DocumentError when two share a name."""
    seen: set[str] = set()
    for path, operations in result["paths"].items():
        for operation in operations.values():
            name = operation["operationId"]
            if name in seen:
                msg = f"{path}: another operation is called {name} too"
                raise DocumentError(msg)
            seen.add(name)
    components = result.setdefault("components", {})
    link(result["paths"], components["schemas"])
    components["securitySchemes"] = SECURITY_SCHEMES
    components["headers"] = HEADERS
    components["responses"] = REFUSALS
    components["schemas"] |= {"Problem": PROBLEM, "AnyValue": ANY_VALUE}
    return result


def _reaching(declared: Operation) -> str:
    """How far the permission must reach, in words."""
    whole = {"platform": "the platform", "psp": "a whole provider", "merchant": "a whole merchant"}
    return f" for {whole[declared.reach]}" if declared.reach is not None else ""


def _components(kind: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    ((schema,), components) = msgspec.json.schema_components(
        (kind,), ref_template=TEMPLATE, schema_hook=_anything
    )
    rules = {body.__name__: body.schema for body in _bodies(Body)}
    return schema, {name: component | rules.get(name, {}) for name, component in components.items()}


def _bodies(base: type[Body]) -> Iterator[type[Body]]:
    for body in base.__subclasses__():
        yield body
        yield from _bodies(body)


def _partial(declared: Operation, success: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The answers that give less than the whole: a part of it, or nothing, as the caller has it."""
    answers = {}
    if declared.if_none_match:
        answers["304"] = {"description": "Not modified", "headers": header_references(names)}
    if declared.ranges:
        told = header_references([*names, "Content-Range"])
        answers["206"] = success | {"description": "The part that Range asks for", "headers": told}
    return answers


def _error_statuses(declared: Operation, *, secured: bool, in_path: bool) -> set[int]:
    """Every status an operation may refuse with, apart from those that a body brings."""
    conditional = {
        401: secured,
        403: secured,
        404: in_path,
        409: bool(declared.idempotent),
        416: declared.ranges,
        422: bool(declared.idempotent),
    }
    return {400, 429, 503, *declared.errors, *(status for status, applies in conditional.items() if applies)}


def _anything(kind: type) -> dict[str, Any]:
    """`object` in a declaration means any JSON value."""
    if kind is object:
        return {"$ref": TEMPLATE.format(name="AnyValue")}
    raise NotImplementedError


def _path_parameters(route: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(converter, name)}
        for converter, name in re.findall(r"<(\w+):(\w+)>", route)
    ]


def _path_schema(converter: str, name: str) -> dict[str, Any]:
    if converter == "id":
        return {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
    if name.endswith("_id"):
        return {"type": "string", "pattern": ids.pattern("[a-z]{2,4}")}
    return {"type": "string", "minLength": 1, "maxLength": 64}
