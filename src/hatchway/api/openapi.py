"""The OpenAPI 3.1 document, made from the table of operations. Pure.

https://spec.openapis.org/oas/v3.1.0; its schemas are JSON Schema 2020-12, which is what msgspec writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from hatchway.api.operation import JSON, Operation
from hatchway.api.schemas import Problem

_REFERENCE = "#/components/schemas/{name}"
_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_PATH_SCHEMAS: dict[str, dict[str, Any]] = {
    "vm_id": {"type": "string", "pattern": "^[a-z0-9]{20}$"},
    "pid": {"type": "integer", "minimum": 1},
    "service": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"},
    "shell_id": {"type": "string", "pattern": "^[0-9a-f]{20}$"},
    "preview_id": {"type": "string", "pattern": "^[0-9a-f]{20}$"},
    "job_id": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
}
_DESCRIPTION = """\
VMs, their files, processes and previews. Every refusal is `{code, message, hint}`, with `retry_after` (seconds, also as
the header `Retry-After`) and `details` where there is more to say. HEAD is answered wherever GET is.
Where the server has an API token, send it as `Hatchway-Token` or as a bearer token."""


def build_document(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    """The document.

    Args:
        operations: the table.
        version: the server's.
    """
    operations = tuple(operations)
    schemas, components = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hatchway control API", "version": version, "description": _DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Hatchway-Token"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{}, {"token": []}, {"bearer": []}],
    }


def _schemas(operations: tuple[Operation, ...]) -> tuple[dict[Any, dict[str, Any]], dict[str, Any]]:
    """A schema for each type that a body has, and the components that they refer to."""
    types: list[Any] = [Problem]
    for operation in operations:
        types += [operation.body] if operation.body is not None else []
        for success in operation.successes:
            for body in success.bodies.values():
                types += body if isinstance(body, tuple) else [body]
    types = list(dict.fromkeys(each for each in types if each is not bytes))
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    by_type: dict[Any, dict[str, Any]] = dict(zip(types, schemas, strict=True))
    return {**by_type, bytes: {}}, components


def _describe(operation: Operation, schemas: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for success in operation.successes:
        responses[str(success.status)] = {"description": success.description}
        if success.bodies:
            responses[str(success.status)]["content"] = {
                media_type: {"schema": _schema(body, schemas)} for media_type, body in success.bodies.items()
            }
    problem = {"content": {JSON: {"schema": schemas[Problem]}}}
    for status in sorted({status for status, _ in operation.all_errors}):
        codes = [code for each, code in operation.all_errors if each == status]
        responses[str(status)] = {"description": ", ".join(f"`{code}`" for code in codes), **problem}
    responses["default"] = {"description": "Any other refusal", **problem}
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "responses": responses,
    }
    parameters = _parameters(operation)
    if parameters:
        described["parameters"] = parameters
    if operation.body is bytes:
        # No body at all is an empty one (RFC 9112 section 6.3).
        described["requestBody"] = {"required": False, "content": {"*/*": {"schema": {}}}}
    elif operation.body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas[operation.body]}}}
    return described


def _schema(body: Any, schemas: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    if isinstance(body, tuple):  # OpenAPI 3.1 has no word for a sequence: the schema is that of each line
        return {"anyOf": [schemas[each] for each in body], "description": "Each line is one such object."}
    return schemas[body]


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    in_path: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _PATH_SCHEMAS[name]}
        for name in _PATH_PARAMETER.findall(operation.path)
    ]
    return in_path + [
        {
            "name": parameter.name,
            "in": "query",
            "required": parameter.required,
            "description": parameter.description,
            "schema": dict(parameter.schema),
        }
        for parameter in operation.query
    ]
