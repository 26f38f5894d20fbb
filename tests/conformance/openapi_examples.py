"""Messages made of nothing but an OpenAPI document: its examples where it has them, else the simplest value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Schemas = dict[str, Any]
PLAIN = {"string": "0", "integer": 1, "number": 1.0, "boolean": True}


def example(schemas: Schemas, name: str) -> Any:
    """An instance of the schema `name` with all its properties; each list holds one item."""
    return _instance(schemas, schemas[name], frozenset({name}))


def has_path(schemas: Schemas, name: str, path: Sequence[str]) -> bool:
    """Whether `path` leads to a property from the schema `name`, through references and lists."""
    schema = schemas[name]
    for step in path:
        found = dict(_properties(schemas, schema)).get(step)
        if found is None:
            return False
        schema = found.get("items", found)
    return True


def _properties(schemas: Schemas, schema: Any) -> Iterator[tuple[str, Any]]:
    if "$ref" in schema:
        yield from _properties(schemas, schemas[_target(schema)])
    for part in schema.get("allOf", []):
        yield from _properties(schemas, part)
    yield from schema.get("properties", {}).items()


def _instance(schemas: Schemas, schema: Any, seen: frozenset[str]) -> Any:
    if "$ref" in schema:
        target = _target(schema)
        return None if target in seen else _instance(schemas, schemas[target], seen | {target})
    if "example" in schema:
        return schema["example"]
    if schema.get("properties") or schema.get("allOf"):
        made = {key: _instance(schemas, found, seen) for key, found in _properties(schemas, schema)}
        return {key: value for key, value in made.items() if value is not None}
    if "items" in schema:
        item = _instance(schemas, schema["items"], seen)
        return [] if item is None else [item]
    return schema["enum"][0] if "enum" in schema else PLAIN.get(schema.get("type", "string"))


def _target(schema: Any) -> str:
    return schema["$ref"].rpartition("/")[2]
