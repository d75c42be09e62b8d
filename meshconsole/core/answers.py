"""Frozen values as answers of the API: their JSON, and their shape for the OpenAPI schema."""

from __future__ import annotations

from typing import Any

import msgspec
from rest_framework.response import Response


def answer(value: Any, **extra: Any) -> Response:
    """A struct as JSON, with more fields beside its own."""
    return Response(msgspec.to_builtins(value) | extra)


def schema_of(shape: Any, **extra: Any) -> dict[str, Any]:
    """The JSON schema of a struct in one piece, with the schemas of the fields beside it."""
    schema: dict[str, Any] = msgspec.json.schema(shape)
    parts = schema.pop("$defs", {})
    whole: dict[str, Any] = _inlined(schema, parts)
    whole["properties"] = whole.get("properties", {}) | extra
    whole["required"] = [*whole.get("required", []), *extra]
    return whole


def _inlined(part: Any, parts: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_inlined(each, parts) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inlined(parts[part["$ref"].removeprefix("#/$defs/")], parts)
    return {name: _inlined(each, parts) for name, each in part.items()}
