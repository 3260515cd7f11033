"""A value that fits a JSON schema: what the emulated provider puts into tool arguments and JSON answers.

Knows the schema words that tools use in practice (type, enum, const, properties, required, items, minimum,
minItems, minLength, anyOf/oneOf, local $ref); anything else is taken as "no constraint". Without constraints on
the root the value is an object.
"""

from collections.abc import Mapping
from typing import Final

Schema = Mapping[str, object]

_MAX_DEPTH: Final = 8
_MAX_REPEATS: Final = 100


def example(schema: Schema, seed: int) -> dict[str, object]:
    """An object that has the required properties; `{"answer": ...}` when the schema asks for nothing."""
    value = _value(schema, schema, seed, _MAX_DEPTH)
    if isinstance(value, dict) and (value or schema):
        return value
    return {"answer": f"toll {seed % 1000}"}


def _value(schema: Schema, root: Schema, seed: int, depth: int) -> object:
    schema = _resolved(schema, root)
    fixed = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(fixed, list) and fixed:
        return fixed[seed % len(fixed)]
    return _typed_value(schema, root, seed, depth) if depth else None


def _typed_value(schema: Schema, root: Schema, seed: int, depth: int) -> object:
    match _type_of(schema):
        case "object":
            return _object(schema, root, seed, depth)
        case "array":
            return _array(schema, root, seed, depth)
        case "string":
            return _string(schema, seed)
        case "integer" | "number":
            return _number(schema, seed)
        case "boolean":
            return seed % 2 == 0
        case _:
            return None


def _type_of(schema: Schema) -> object:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind is not None:
        return kind
    return "array" if "items" in schema else "object" if "properties" in schema or not schema else "string"


def _resolved(schema: Schema, root: Schema) -> Schema:
    for word in ("anyOf", "oneOf"):
        choices = schema.get(word)
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            schema = choices[0]
    pointer = schema.get("$ref")
    if isinstance(pointer, str) and pointer.startswith("#/"):
        return _follow(pointer, root)
    return schema


def _follow(pointer: str, root: Schema) -> Schema:
    here: object = root
    for step in pointer[2:].split("/"):
        here = here.get(step) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else {}


def _object(schema: Schema, root: Schema, seed: int, depth: int) -> dict[str, object]:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return {}
    return {
        name: _value(wanted if isinstance(wanted := properties.get(name), dict) else {}, root, seed + place, depth - 1)
        for place, name in enumerate(required)
        if isinstance(name, str)
    }


def _array(schema: Schema, root: Schema, seed: int, depth: int) -> list[object]:
    items = schema.get("items")
    count = min(max(_int(schema.get("minItems")), 1), _MAX_REPEATS)
    kind = items if isinstance(items, dict) else {"type": "string"}
    return [_value(kind, root, seed + place, depth - 1) for place in range(count)]


def _string(schema: Schema, seed: int) -> str:
    return f"toll {seed % 1000}".ljust(min(_int(schema.get("minLength")), _MAX_REPEATS), ".")


def _number(schema: Schema, seed: int) -> int:
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    number = seed % 100
    if isinstance(lowest, int | float):
        number = max(number, int(lowest))
    return min(number, int(highest)) if isinstance(highest, int | float) else number


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
